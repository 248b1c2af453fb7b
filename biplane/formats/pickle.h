#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

namespace biplane {

// Place of a value in PickleTree::values. Values refer to others by place, so that values may be
// shared or contain themselves, and nothing here recurses however deep they nest.
using PickleId = std::uint32_t;

struct PickleValue {
  enum class Kind {
    kNone,
    kBool,        // integer
    kInt,         // integer
    kBigInt,      // text: two's complement, little-endian; a whole number beyond 64 bits
    kFloat,       // real
    kString,      // text
    kBytes,       // text
    kTuple,       // items; also a frozenset
    kList,        // items; also a set
    kDict,        // items: key, value, key, value ..., in the order of the file, keys may repeat
    kGlobal,      // text: an allowed "module.name"
    kObject,      // items: the global that would make it, the tuple of its arguments
    kPersistent,  // items: the one value that names it
  };
  Kind kind = Kind::kNone;
  union {
    std::int64_t integer = 0;
    double real;
  };
  std::string text;
  std::vector<PickleId> items;
  PickleId state = 0;  // of a kDict or kObject: what BUILD would set; place 0 is always None
};

struct PickleTree {
  std::deque<PickleValue> values;
  PickleId root = 0;
  std::size_t bytes = 0;  // length of the pickle; more may follow it

  const PickleValue& operator[](PickleId id) const { return values[id]; }
  const PickleValue& top() const { return values[root]; }
  // Name of the global that would make an object.
  const std::string& maker(const PickleValue& object) const { return values[object.items[0]].text; }
  const PickleValue& arguments(const PickleValue& object) const { return values[object.items[1]]; }
};

constexpr std::size_t kMaxPickleBytes = 64 << 20;
constexpr std::size_t kMaxPickleOpcodes = 2'000'000;

// Reads the pickle (protocols 0 to 5) at the start of `text` into a tree of plain values. Nothing
// is ever imported or called: objects stay descriptions, and a global that is not in the list of
// pickle_globals.h is refused by name. Memory is bounded by the limits above (to
// some 300 bytes an opcode), and places of the memo are numbers below kMaxPickleOpcodes that index
// an array, so that no choice of them makes the time more than linear. `name` stands for the file
// in errors. Throws Error kBadContent.
PickleTree read_pickle(std::string_view text, const std::string& name);

}  // namespace biplane
