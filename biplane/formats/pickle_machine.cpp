#include "biplane/formats/pickle_machine.h"

#include <fmt/format.h>

#include <string>

#include "biplane/formats/file_bytes.h"
#include "biplane/formats/pickle_globals.h"

namespace biplane {
namespace {

constexpr std::size_t kMaxGlobalName = 256;
constexpr PickleId kNoValue = UINT32_MAX;  // in places of the memo that are left out

}  // namespace

PickleMachine::PickleMachine(const PickleInput& input) : in_(input) {
  tree_.values.emplace_back();  // None
}

void PickleMachine::spend(std::size_t count) {
  spent_ += count;
  if (spent_ > kMaxPickleOpcodes)
    in_.bad(fmt::format("more than {} operations", kMaxPickleOpcodes));
}

PickleValue& PickleMachine::push(Kind kind) {
  stack_.push_back(static_cast<PickleId>(tree_.values.size()));
  tree_.values.emplace_back().kind = kind;
  return tree_.values.back();
}

PickleId PickleMachine::pop() {
  if (stack_.size() <= (marks_.empty() ? 0 : marks_.back()))
    in_.bad("an operation takes more values than there are");
  const PickleId id = stack_.back();
  stack_.pop_back();
  return id;
}

std::vector<PickleId> PickleMachine::pop(std::size_t count) {
  std::vector<PickleId> items(count);
  for (std::size_t i = count; i > 0; --i) items[i - 1] = pop();
  return items;
}

std::vector<PickleId> PickleMachine::pop_to_mark() {
  if (marks_.empty()) in_.bad("an operation needs a mark and there is none");
  const auto begin = stack_.begin() + static_cast<std::ptrdiff_t>(marks_.back());
  std::vector<PickleId> items(begin, stack_.end());
  stack_.erase(begin, stack_.end());
  marks_.pop_back();
  return items;
}

PickleValue& PickleMachine::top() {
  const PickleId id = pop();
  stack_.push_back(id);
  return tree_.values[id];
}

void PickleMachine::duplicate() {
  top();
  stack_.push_back(stack_.back());
}

void PickleMachine::extend(Kind kind, const std::vector<PickleId>& items) {
  PickleValue& target = top();
  if (target.kind != kind) in_.bad("items are put into something that is not their container");
  if (kind == Kind::kDict && items.size() % 2 != 0) in_.bad("a key without a value");
  target.items.insert(target.items.end(), items.begin(), items.end());
}

void PickleMachine::remember(std::uint64_t place) {
  // Picklers number their places one after the other.
  if (place >= kMaxPickleOpcodes)
    in_.bad(fmt::format("it uses place {} of the memo, there are {}", place, kMaxPickleOpcodes));
  top();
  if (place >= memo_.size()) memo_.resize(place + 1, kNoValue);
  if (memo_[place] == kNoValue) ++remembered_;
  memo_[place] = stack_.back();
}

void PickleMachine::recall(std::uint64_t place) {
  if (place >= memo_.size() || memo_[place] == kNoValue)
    in_.bad(fmt::format("the memo has no place {}", place));
  stack_.push_back(memo_[place]);
}

void PickleMachine::push_global(std::string_view module, std::string_view name) {
  if (module.size() + name.size() >= kMaxGlobalName)
    in_.bad(fmt::format("a global with the long name {}.{}", shown(module), shown(name)));
  const std::string full = fmt::format("{}.{}", module, name);
  if (pickle_global(full) == PickleGlobal::kRefused)
    in_.bad(
        fmt::format("it asks for '{}', which is not in the list of what weights need "
                    "(save a plain state dict instead)",
                    shown(full)));
  push_text(Kind::kGlobal, full);
}

// A dict or list from at most one list of its items (pairs for a dict), as Python's containers are
// reduced. The pairs are copied, so they are paid for: the same list can be used many times.
void PickleMachine::make_container(Kind kind, const PickleValue& arguments) {
  const bool is_empty = arguments.items.empty() ||
                        tree_[arguments.items[0]].kind == Kind::kGlobal;  // factory of defaultdict
  if (is_empty) {
    push(kind);
    return;
  }
  const PickleId given = arguments.items[0];
  const PickleValue& items = tree_[given];
  if (items.kind == kind) {
    stack_.push_back(given);
    return;
  }
  if (items.kind != Kind::kList && items.kind != Kind::kTuple)
    in_.bad("a container is made from something that is not a list");
  spend(items.items.size());
  PickleValue& made = push(kind);
  for (const PickleId id : items.items) {
    const PickleValue& item = tree_[id];
    if (kind == Kind::kList) {
      made.items.push_back(id);
    } else if (item.items.size() == 2) {
      made.items.insert(made.items.end(), item.items.begin(), item.items.end());
    } else {
      in_.bad("a dict is made from items that are not pairs");
    }
  }
}

void PickleMachine::push_global_of_stack() {
  const std::vector<PickleId> names = pop(2);
  const PickleValue &module = tree_[names[0]], &name = tree_[names[1]];
  if (module.kind != Kind::kString || name.kind != Kind::kString)
    in_.bad("the name of a global is not a text");
  push_global(module.text, name.text);
}

void PickleMachine::make(PickleId maker, PickleId arguments) {
  if (tree_[maker].kind != Kind::kGlobal || tree_[arguments].kind != Kind::kTuple)
    in_.bad("it calls something that is not a function with arguments");
  const std::string& name = tree_[maker].text;
  switch (pickle_global(name)) {
    case PickleGlobal::kMaker:
      push_items(Kind::kObject, {maker, arguments});
      return;
    case PickleGlobal::kDict:
      make_container(Kind::kDict, tree_[arguments]);
      return;
    case PickleGlobal::kList:
      make_container(Kind::kList, tree_[arguments]);
      return;
    default:
      in_.bad(fmt::format("it calls '{}', which is a name only", name));
  }
}

void PickleMachine::instantiate(PickleId maker, std::vector<PickleId> arguments) {
  push_items(Kind::kTuple, std::move(arguments));
  make(maker, pop());
}

void PickleMachine::build(PickleId state) {
  PickleValue& target = top();
  if (target.kind != Kind::kObject && target.kind != Kind::kDict)
    in_.bad("it sets the state of something that is not an object");
  target.state = state;
}

PickleTree PickleMachine::finish() {
  tree_.root = pop();
  if (!stack_.empty() || !marks_.empty()) in_.bad("values are left over at its end");
  tree_.bytes = in_.at();
  return std::move(tree_);
}

}  // namespace biplane
