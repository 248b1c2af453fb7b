#include "biplane/formats/pickle.h"

#include <fmt/format.h>

#include <bit>
#include <utility>

#include "biplane/formats/pickle_input.h"
#include "biplane/formats/pickle_machine.h"

namespace biplane {
namespace {

using Kind = PickleValue::Kind;

constexpr int kMaxProtocol = 5;

// Names of Python's opcodes (pickletools); their letters are the format.
enum Opcode : unsigned char {
  kMark = '(',
  kStop = '.',
  kPop = '0',
  kPopMark = '1',
  kDup = '2',
  kFloatText = 'F',
  kIntText = 'I',
  kInt4 = 'J',
  kInt1 = 'K',
  kLongText = 'L',
  kInt2 = 'M',
  kNone = 'N',
  kPersidText = 'P',
  kPersid = 'Q',
  kReduce = 'R',
  kStringText = 'S',
  kString4 = 'T',
  kString1 = 'U',
  kUnicodeText = 'V',
  kUnicode4 = 'X',
  kAppend = 'a',
  kBuild = 'b',
  kGlobal = 'c',
  kDict = 'd',
  kEmptyDict = '}',
  kAppends = 'e',
  kGetText = 'g',
  kGet1 = 'h',
  kInst = 'i',
  kGet4 = 'j',
  kList = 'l',
  kEmptyList = ']',
  kObj = 'o',
  kPutText = 'p',
  kPut1 = 'q',
  kPut4 = 'r',
  kSetItem = 's',
  kTuple = 't',
  kEmptyTuple = ')',
  kSetItems = 'u',
  kFloat8 = 'G',
  kBytes4 = 'B',
  kBytes1 = 'C',
  kProto = 0x80,
  kNewObj = 0x81,
  kTuple1 = 0x85,
  kTuple2 = 0x86,
  kTuple3 = 0x87,
  kTrue = 0x88,
  kFalse = 0x89,
  kLong1 = 0x8A,
  kLong4 = 0x8B,
  kShortUnicode = 0x8C,
  kUnicode8 = 0x8D,
  kBytes8 = 0x8E,
  kEmptySet = 0x8F,
  kAddItems = 0x90,
  kFrozenSet = 0x91,
  kStackGlobal = 0x93,
  kMemoize = 0x94,
  kFrame = 0x95,
  kByteArray8 = 0x96,
};

class Reader {
 public:
  Reader(std::string_view text, const std::string& name) : in_(text, name), machine_(in_) {}
  PickleTree read();

 private:
  // Each handles the opcodes of its group; false for others.
  bool scalar(Opcode op);
  bool text(Opcode op);
  bool container(Opcode op);
  bool stack(Opcode op);
  bool memo(Opcode op);
  bool object(Opcode op);

  PickleInput in_;
  PickleMachine machine_;
};

bool Reader::scalar(Opcode op) {
  switch (op) {
    case kNone:
      machine_.push_none();
      return true;
    case kTrue:
      machine_.push_int(1, Kind::kBool);
      return true;
    case kFalse:
      machine_.push_int(0, Kind::kBool);
      return true;
    case kInt1:
      machine_.push_int(static_cast<std::int64_t>(in_.number(1)));
      return true;
    case kInt2:
      machine_.push_int(static_cast<std::int64_t>(in_.number(2)));
      return true;
    case kInt4:
      machine_.push_int(twos_complement(in_.take(4)));
      return true;
    case kLong1:
    case kLong4: {
      const std::string_view bytes = in_.counted(op == kLong1 ? 1 : 4);
      if (bytes.size() <= 8) {
        machine_.push_int(twos_complement(bytes));
      } else {
        machine_.push_text(Kind::kBigInt, bytes);
      }
      return true;
    }
    case kIntText: {
      const std::string_view line = in_.line();
      const bool is_bool = line == "00" || line == "01";
      machine_.push_int(in_.whole_number(line), is_bool ? Kind::kBool : Kind::kInt);
      return true;
    }
    case kLongText:
      machine_.push_int(in_.whole_number(in_.line()));
      return true;
    case kFloatText:
      machine_.push(Kind::kFloat).real = in_.real_number(in_.line());
      return true;
    case kFloat8: {  // big-endian, alone among all numbers here
      const std::uint64_t bits = __builtin_bswap64(in_.number(8));
      machine_.push(Kind::kFloat).real = std::bit_cast<double>(bits);
      return true;
    }
    default:
      return false;
  }
}

bool Reader::text(Opcode op) {
  switch (op) {
    case kStringText:
      machine_.push_text(Kind::kString, in_.quoted_text(in_.line()));
      return true;
    case kUnicodeText:
      machine_.push_text(Kind::kString, in_.raw_unicode(in_.line()));
      return true;
    case kString1:
    case kShortUnicode:
      machine_.push_text(Kind::kString, in_.counted(1));
      return true;
    case kString4:
    case kUnicode4:
      machine_.push_text(Kind::kString, in_.counted(4));
      return true;
    case kUnicode8:
      machine_.push_text(Kind::kString, in_.counted(8));
      return true;
    case kBytes1:
      machine_.push_text(Kind::kBytes, in_.counted(1));
      return true;
    case kBytes4:
      machine_.push_text(Kind::kBytes, in_.counted(4));
      return true;
    case kBytes8:
    case kByteArray8:
      machine_.push_text(Kind::kBytes, in_.counted(8));
      return true;
    default:
      return false;
  }
}

bool Reader::container(Opcode op) {
  switch (op) {
    case kEmptyTuple:
      machine_.push(Kind::kTuple);
      return true;
    case kEmptyList:
    case kEmptySet:
      machine_.push(Kind::kList);
      return true;
    case kEmptyDict:
      machine_.push(Kind::kDict);
      return true;
    case kTuple1:
    case kTuple2:
    case kTuple3:
      machine_.push_items(Kind::kTuple, machine_.pop(op - kTuple1 + 1U));
      return true;
    case kTuple:
    case kFrozenSet:
      machine_.push_items(Kind::kTuple, machine_.pop_to_mark());
      return true;
    case kList:
      machine_.push_items(Kind::kList, machine_.pop_to_mark());
      return true;
    case kDict: {
      const std::vector<PickleId> items = machine_.pop_to_mark();
      machine_.push(Kind::kDict);
      machine_.extend(Kind::kDict, items);
      return true;
    }
    case kAppend:
      machine_.extend(Kind::kList, machine_.pop(1));
      return true;
    case kAppends:
    case kAddItems:
      machine_.extend(Kind::kList, machine_.pop_to_mark());
      return true;
    case kSetItem:
      machine_.extend(Kind::kDict, machine_.pop(2));
      return true;
    case kSetItems:
      machine_.extend(Kind::kDict, machine_.pop_to_mark());
      return true;
    default:
      return false;
  }
}

bool Reader::stack(Opcode op) {
  switch (op) {
    case kMark:
      machine_.mark();
      return true;
    case kPopMark:
      machine_.pop_to_mark();
      return true;
    case kPop:
      machine_.pop();
      return true;
    case kDup:
      machine_.duplicate();
      return true;
    default:
      return false;
  }
}

bool Reader::memo(Opcode op) {
  switch (op) {
    case kPutText:
      machine_.remember(static_cast<std::uint64_t>(in_.whole_number(in_.line())));
      return true;
    case kPut1:
      machine_.remember(in_.number(1));
      return true;
    case kPut4:
      machine_.remember(in_.number(4));
      return true;
    case kMemoize:
      machine_.remember_next();
      return true;
    case kGetText:
      machine_.recall(static_cast<std::uint64_t>(in_.whole_number(in_.line())));
      return true;
    case kGet1:
      machine_.recall(in_.number(1));
      return true;
    case kGet4:
      machine_.recall(in_.number(4));
      return true;
    default:
      return false;
  }
}

bool Reader::object(Opcode op) {
  switch (op) {
    case kGlobal: {
      const std::string_view module = in_.line();
      machine_.push_global(module, in_.line());
      return true;
    }
    case kStackGlobal:
      machine_.push_global_of_stack();
      return true;
    case kReduce:
    case kNewObj: {
      const std::vector<PickleId> call = machine_.pop(2);
      machine_.make(call[0], call[1]);
      return true;
    }
    case kInst: {
      const std::string_view module = in_.line(), name = in_.line();
      std::vector<PickleId> arguments = machine_.pop_to_mark();
      machine_.push_global(module, name);
      machine_.instantiate(machine_.pop(), std::move(arguments));
      return true;
    }
    case kObj: {
      std::vector<PickleId> call = machine_.pop_to_mark();
      if (call.empty()) in_.bad("an object without its class");
      machine_.instantiate(call[0], {call.begin() + 1, call.end()});
      return true;
    }
    case kBuild:
      machine_.build(machine_.pop());
      return true;
    case kPersidText: {
      machine_.push_text(Kind::kString, in_.line());
      machine_.push_items(Kind::kPersistent, machine_.pop(1));
      return true;
    }
    case kPersid:
      machine_.push_items(Kind::kPersistent, machine_.pop(1));
      return true;
    default:
      return false;
  }
}

PickleTree Reader::read() {
  while (true) {
    machine_.spend(1);
    const auto op = static_cast<Opcode>(in_.number(1));
    if (op == kStop) break;
    if (op == kProto) {
      const std::uint64_t protocol = in_.number(1);
      if (protocol > kMaxProtocol) in_.bad(fmt::format("protocol {}", protocol));
    } else if (op == kFrame) {
      const std::uint64_t frame = in_.number(8);  // only a hint for buffering
      if (frame > in_.left()) in_.bad(fmt::format("a frame of {} bytes", frame));
    } else if (!scalar(op) && !text(op) && !container(op) && !stack(op) && !memo(op) &&
               !object(op)) {
      in_.bad(fmt::format("operation 0x{:02x} is not accepted", static_cast<unsigned>(op)));
    }
  }
  return machine_.finish();
}

}  // namespace

PickleTree read_pickle(std::string_view text, const std::string& name) {
  // What follows a pickle in the file does not count.
  Reader reader(text.substr(0, kMaxPickleBytes), name);
  return reader.read();
}

}  // namespace biplane
