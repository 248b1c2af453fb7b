#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "biplane/formats/pickle.h"
#include "biplane/formats/pickle_input.h"

namespace biplane {

// What the operations of a pickle work on: values, a stack of their places with marks, a memo.
// Everything is paid for by `spend`, so that memory is bounded. Errors go through the input, which
// knows the file and the place.
class PickleMachine {
 public:
  using Kind = PickleValue::Kind;

  explicit PickleMachine(const PickleInput& input);

  // Counts work; refuses more than kMaxPickleOpcodes.
  void spend(std::size_t count);

  PickleValue& push(Kind kind);
  void push_none() { stack_.push_back(0); }
  void push_int(std::int64_t value, Kind kind = Kind::kInt) { push(kind).integer = value; }
  void push_text(Kind kind, std::string_view text) { push(kind).text = text; }
  void push_items(Kind kind, std::vector<PickleId> items) { push(kind).items = std::move(items); }
  void push_global(std::string_view module, std::string_view name);
  void push_global_of_stack();  // its module and name are on the stack

  PickleId pop();
  std::vector<PickleId> pop(std::size_t count);
  std::vector<PickleId> pop_to_mark();
  void mark() { marks_.push_back(stack_.size()); }
  void duplicate();

  // Puts items into the container on top of the stack, which must be of that kind.
  void extend(Kind kind, const std::vector<PickleId>& items);
  void remember(std::uint64_t place);
  void remember_next() { remember(remembered_); }
  void recall(std::uint64_t place);

  // Pushes a description of what the call of an allowed global would give.
  void make(PickleId maker, PickleId arguments);
  void instantiate(PickleId maker, std::vector<PickleId> arguments);
  // State of the object on top of the stack.
  void build(PickleId state);

  // The one value that is left is the root.
  PickleTree finish();

 private:
  PickleValue& top();
  void make_container(Kind kind, const PickleValue& arguments);

  const PickleInput& in_;
  PickleTree tree_;
  std::vector<PickleId> stack_;
  std::vector<std::size_t> marks_;  // sizes of the stack
  std::vector<PickleId> memo_;      // by place
  std::size_t remembered_ = 0;      // places of it that are used
  std::size_t spent_ = 0;
};

}  // namespace biplane
