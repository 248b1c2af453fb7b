#include "biplane/formats/torch_tensors.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <optional>
#include <set>

#include "biplane/core/error.h"
#include "biplane/formats/file_bytes.h"
#include "biplane/formats/safetensors.h"

namespace biplane {
namespace {

using Kind = PickleValue::Kind;

constexpr std::size_t kMaxDepth = 64;
constexpr std::size_t kMaxRank = 64;
constexpr std::uint64_t kMaxExpansion = 8;  // bytes of all tensors : bytes of all storages ...
constexpr std::uint64_t kFreeExpansion = 16 << 20;  // ... beyond this many bytes

// Both "torch.FloatStorage" and "torch.float32"; "" for what safetensors has no name for.
std::string safetensors_dtype(std::string_view torch_name) {
  static const std::map<std::string_view, const char*> names = {{"DoubleStorage", "F64"},
                                                                {"FloatStorage", "F32"},
                                                                {"HalfStorage", "F16"},
                                                                {"BFloat16Storage", "BF16"},
                                                                {"LongStorage", "I64"},
                                                                {"IntStorage", "I32"},
                                                                {"ShortStorage", "I16"},
                                                                {"CharStorage", "I8"},
                                                                {"ByteStorage", "U8"},
                                                                {"BoolStorage", "BOOL"},
                                                                {"UntypedStorage", "U8"},
                                                                {"float64", "F64"},
                                                                {"float32", "F32"},
                                                                {"float16", "F16"},
                                                                {"bfloat16", "BF16"},
                                                                {"int64", "I64"},
                                                                {"int32", "I32"},
                                                                {"int16", "I16"},
                                                                {"int8", "I8"},
                                                                {"uint8", "U8"},
                                                                {"uint16", "U16"},
                                                                {"uint32", "U32"},
                                                                {"uint64", "U64"},
                                                                {"bool", "BOOL"},
                                                                {"float8_e4m3fn", "F8_E4M3"},
                                                                {"float8_e5m2", "F8_E5M2"}};
  const auto found = names.find(torch_name.substr(torch_name.rfind('.') + 1));
  return found == names.end() ? "" : found->second;
}

class Walker {
 public:
  Walker(const PickleTree& tree, const std::string& file) : tree_(tree), file_(file) {}
  std::vector<TorchTensor> tensors();
  TorchStorage storage(const PickleValue& persistent) const;

 private:
  [[noreturn]] void bad(const std::string& what) const {
    throw Error(ErrorKind::kBadContent, fmt::format("{}: {}", file_, what));
  }
  [[noreturn]] void bad_tensor(const std::string& what) const {
    bad(fmt::format("tensor '{}': {}", shown(path_), what));
  }
  void visit(const PickleValue& value, std::size_t depth);
  void visit_child(std::string_view key, PickleId id, std::size_t depth);
  void visit_object(const PickleValue& object, std::size_t depth);
  void add(std::string_view maker, const PickleValue& arguments);
  std::vector<std::int64_t> numbers(const PickleValue& tuple, const char* what) const;
  void check_layout(const TorchTensor& tensor) const;
  void check_expansion() const;

  const PickleTree& tree_;
  const std::string& file_;
  std::string path_;
  std::size_t visits_ = 0;
  std::set<std::string> names_;
  std::vector<TorchTensor> found_;
};

void Walker::visit_child(std::string_view key, PickleId id, std::size_t depth) {
  const std::size_t before = path_.size();
  const std::size_t dot = before > 0 ? 1 : 0;
  if (before + dot + key.size() > kMaxTensorName)
    bad(fmt::format("a name longer than {} bytes: '{}'", kMaxTensorName, shown(path_)));
  path_.append(dot, '.');
  path_ += key;
  visit(tree_[id], depth + 1);
  path_.resize(before);
}

void Walker::visit(const PickleValue& value, std::size_t depth) {
  if (depth > kMaxDepth)
    bad(fmt::format("nested more than {} levels deep at '{}'", kMaxDepth, shown(path_)));
  if (++visits_ > kMaxPickleOpcodes)
    bad("its value unfolds to too many parts (the same ones are used again and again)");
  switch (value.kind) {
    case Kind::kDict:
      for (std::size_t i = 0; i + 1 < value.items.size(); i += 2) {
        const PickleValue& key = tree_[value.items[i]];
        const bool is_number = key.kind == Kind::kInt || key.kind == Kind::kBool;
        visit_child(key.kind == Kind::kString ? key.text
                    : is_number               ? std::to_string(key.integer)
                                              : fmt::format("#{}", i / 2),
                    value.items[i + 1], depth);
      }
      return;
    case Kind::kTuple:
    case Kind::kList:
      for (std::size_t i = 0; i < value.items.size(); ++i)
        visit_child(std::to_string(i), value.items[i], depth);
      return;
    case Kind::kObject:
      visit_object(value, depth);
      return;
    default:
      return;
  }
}

void Walker::visit_object(const PickleValue& object, std::size_t depth) {
  const std::string& maker = tree_.maker(object);
  const PickleValue& arguments = tree_.arguments(object);
  const auto argument = [&](std::size_t i) -> const PickleValue& {
    if (i >= arguments.items.size()) bad_tensor(fmt::format("{} has too few arguments", maker));
    return tree_[arguments.items[i]];
  };
  if (maker.starts_with("torch._utils._rebuild_tensor")) {
    add(maker, arguments);
  } else if (maker.starts_with("torch._utils._rebuild_parameter") ||
             maker.starts_with("torch.jit._pickle.")) {
    visit(argument(0), depth + 1);
  } else if (maker == "torch._tensor._rebuild_from_type_v2") {
    add(argument(0).text, argument(2));
  } else {
    visit(tree_[object.state], depth + 1);  // attributes
  }
}

TorchStorage Walker::storage(const PickleValue& persistent) const {
  if (persistent.kind != Kind::kPersistent) bad_tensor("it has no storage");
  const PickleValue& tuple = tree_[persistent.items[0]];
  const auto part = [&](std::size_t i, Kind kind) -> const PickleValue& {
    if (i >= tuple.items.size() || tree_[tuple.items[i]].kind != kind)
      bad_tensor("its storage is not described as torch does it");
    return tree_[tuple.items[i]];
  };
  if (tuple.kind != Kind::kTuple || part(0, Kind::kString).text != "storage")
    bad_tensor("its storage is not described as torch does it");
  if (tuple.items.size() > 5 && tree_[tuple.items[5]].kind != Kind::kNone)
    bad_tensor("its storage is a view of another one, which is not supported");
  const std::string& type = part(1, Kind::kGlobal).text;
  const std::int64_t elements = part(4, Kind::kInt).integer;
  const std::string& key = part(2, Kind::kString).text;
  // Before it is copied: a pickle can use the same long text for every tensor.
  if (key.size() > kMaxTensorName)
    bad_tensor(fmt::format("its storage has a name of {} bytes", key.size()));
  TorchStorage storage{key, safetensors_dtype(type), 0};
  if (storage.dtype.empty()) bad_tensor(fmt::format("its type {} is not supported", type));
  const auto bytes = tensor_bytes(storage.dtype, {elements});
  if (!bytes) bad_tensor(fmt::format("its storage has {} elements", elements));
  storage.bytes = *bytes;
  return storage;
}

std::vector<std::int64_t> Walker::numbers(const PickleValue& tuple, const char* what) const {
  if (tuple.kind != Kind::kTuple) bad_tensor(fmt::format("its {} is not a tuple", what));
  if (tuple.items.size() > kMaxRank)
    bad_tensor(fmt::format("it has {} dimensions", tuple.items.size()));
  std::vector<std::int64_t> result;
  for (const PickleId id : tuple.items) {
    const PickleValue& value = tree_[id];
    if (value.kind != Kind::kInt || value.integer < 0)
      bad_tensor(fmt::format("its {} has an entry that is not a whole number >= 0", what));
    result.push_back(value.integer);
  }
  return result;
}

// Arguments of torch._utils._rebuild_tensor*: storage, offset, size, stride and, in the third
// version only, at the seventh place the dtype of an untyped storage.
void Walker::add(std::string_view maker, const PickleValue& arguments) {
  const bool names_dtype = maker == "torch._utils._rebuild_tensor_v3";
  if (!maker.starts_with("torch._utils._rebuild_tensor") || arguments.kind != Kind::kTuple ||
      arguments.items.size() < (names_dtype ? 7 : 4))
    bad_tensor("it is not described as torch does it");
  if (found_.size() == kMaxTensors) bad(fmt::format("holds more than {} tensors", kMaxTensors));
  if (path_.empty()) bad("holds a tensor without a name; save a dict of tensors");
  if (!is_line_of_text(path_)) bad_tensor("its name is not a text");
  if (!names_.insert(path_).second) bad_tensor("the name occurs twice");
  const PickleValue& offset = tree_[arguments.items[1]];
  if (offset.kind != Kind::kInt) bad_tensor("its offset is not a whole number");
  TorchTensor tensor;
  tensor.name = path_;
  tensor.storage = storage(tree_[arguments.items[0]]);
  tensor.offset = offset.integer;
  tensor.shape = numbers(tree_[arguments.items[2]], "shape");
  tensor.strides = numbers(tree_[arguments.items[3]], "stride");
  tensor.dtype = tensor.storage.dtype;
  if (names_dtype) {
    const std::string& type = tree_[arguments.items[6]].text;
    tensor.dtype = safetensors_dtype(type);
    if (tensor.dtype.empty()) bad_tensor(fmt::format("its type {} is not supported", shown(type)));
  }
  check_layout(tensor);
  found_.push_back(std::move(tensor));
}

void Walker::check_layout(const TorchTensor& tensor) const {
  if (tensor.strides.size() != tensor.shape.size())
    bad_tensor(
        fmt::format("it has {} sides and {} strides", tensor.shape.size(), tensor.strides.size()));
  const auto bytes = tensor_bytes(tensor.dtype, tensor.shape);
  if (!bytes) bad_tensor("its shape overflows");
  const std::uint64_t elements = tensor.storage.bytes / *dtype_bytes(tensor.dtype);
  if (tensor.offset < 0) bad_tensor(fmt::format("its offset is {}", tensor.offset));
  std::uint64_t last = static_cast<std::uint64_t>(tensor.offset);
  bool overflows = false;
  for (std::size_t i = 0; i < tensor.shape.size() && *bytes > 0; ++i) {
    std::uint64_t reach = 0;
    overflows |= __builtin_mul_overflow(static_cast<std::uint64_t>(tensor.shape[i] - 1),
                                        static_cast<std::uint64_t>(tensor.strides[i]), &reach);
    overflows |= __builtin_add_overflow(last, reach, &last);
  }
  if (overflows || last > elements || (last == elements && *bytes > 0))
    bad_tensor(fmt::format("it reaches beyond its storage '{}' of {} elements",
                           shown(tensor.storage.key), elements));
}

void Walker::check_expansion() const {
  std::map<std::string_view, std::uint64_t> storages;
  std::uint64_t needed = 0, stored = kFreeExpansion / kMaxExpansion;
  for (const TorchTensor& tensor : found_) {
    const auto [place, is_new] = storages.emplace(tensor.storage.key, tensor.storage.bytes);
    if (place->second != tensor.storage.bytes)
      bad(fmt::format("tensor '{}': its storage '{}' has another size elsewhere",
                      shown(tensor.name), shown(tensor.storage.key)));
    // Products of 2^62 are refused before, so these sums stop at the first one that is too large.
    if (is_new) stored += tensor.storage.bytes;
    needed += *tensor_bytes(tensor.dtype, tensor.shape);
    if (needed >> 62 != 0 || stored >> 59 != 0)
      bad(fmt::format("tensor '{}': the tensors up to this one overflow", shown(tensor.name)));
  }
  if (needed / kMaxExpansion > stored)
    bad(fmt::format("its tensors need {} bytes, their storages have {}: too many share the same",
                    needed, stored - kFreeExpansion / kMaxExpansion));
}

std::vector<TorchTensor> Walker::tensors() {
  visit(tree_.top(), 0);
  check_expansion();
  return std::move(found_);
}

}  // namespace

std::vector<TorchTensor> tensors_in(const PickleTree& tree, const std::string& file) {
  return Walker(tree, file).tensors();
}

std::vector<TorchStorage> storages_in(const PickleTree& tree, const std::string& file) {
  const Walker walker(tree, file);
  std::set<std::string> keys;
  std::vector<TorchStorage> storages;
  for (const PickleValue& value : tree.values) {
    if (value.kind != Kind::kPersistent) continue;
    TorchStorage storage = walker.storage(value);
    if (keys.insert(storage.key).second) storages.push_back(std::move(storage));
  }
  return storages;
}

void copy_contiguous(const TorchTensor& tensor, std::string_view storage,
                     std::span<std::byte> out) {
  if (out.empty()) return;
  const std::size_t element = *dtype_bytes(tensor.dtype);
  const std::size_t rank = tensor.shape.size();
  // Sides that follow one another in memory are copied as one run.
  std::size_t outer = rank;
  std::uint64_t run = 1;
  while (outer > 0 && (tensor.shape[outer - 1] == 1 ||
                       static_cast<std::uint64_t>(tensor.strides[outer - 1]) == run)) {
    --outer;
    run *= static_cast<std::uint64_t>(tensor.shape[outer]);
  }
  std::vector<std::int64_t> place(outer, 0);
  auto from = static_cast<std::uint64_t>(tensor.offset);
  const std::size_t run_bytes = run * element;
  for (std::size_t written = 0; written < out.size(); written += run_bytes) {
    std::memcpy(out.data() + written, storage.data() + from * element, run_bytes);
    for (std::size_t i = outer; i > 0; --i) {
      const auto stride = static_cast<std::uint64_t>(tensor.strides[i - 1]);
      from += stride;
      if (++place[i - 1] < tensor.shape[i - 1]) break;
      from -= stride * static_cast<std::uint64_t>(tensor.shape[i - 1]);
      place[i - 1] = 0;
    }
  }
}

}  // namespace biplane
