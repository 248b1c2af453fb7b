#include "biplane/formats/pickle_globals.h"

#include <algorithm>
#include <map>

namespace biplane {
namespace {

using enum PickleGlobal;

const std::map<std::string_view, PickleGlobal>& table() {
  static const std::map<std::string_view, PickleGlobal> globals = {
      {"collections.OrderedDict", kDict},
      {"collections.defaultdict", kDict},
      {"collections.Counter", kDict},
      {"builtins.dict", kDict},
      {"builtins.set", kList},
      {"builtins.frozenset", kList},
      {"builtins.list", kList},
      {"builtins.bytearray", kMaker},
      {"builtins.complex", kMaker},
      {"builtins.int", kName},
      {"builtins.float", kName},
      {"builtins.str", kName},
      {"builtins.object", kName},
      {"copyreg._reconstructor", kMaker},
      {"copy_reg._reconstructor", kMaker},
      {"_codecs.encode", kMaker},
      {"argparse.Namespace", kMaker},
      {"torch._utils._rebuild_tensor", kMaker},
      {"torch._utils._rebuild_tensor_v2", kMaker},
      {"torch._utils._rebuild_tensor_v3", kMaker},
      {"torch._utils._rebuild_parameter", kMaker},
      {"torch._utils._rebuild_parameter_with_state", kMaker},
      {"torch._tensor._rebuild_from_type_v2", kMaker},
      {"torch.serialization._get_layout", kMaker},
      {"torch.Size", kMaker},
      {"torch.device", kMaker},
      {"torch.Tensor", kName},
      {"torch._tensor.Tensor", kName},
      {"torch.nn.parameter.Parameter", kName},
      {"torch.jit._pickle.restore_type_tag", kMaker},
      {"torch.jit._pickle.build_intlist", kMaker},
      {"torch.jit._pickle.build_tensorlist", kMaker},
      {"torch.jit._pickle.build_doublelist", kMaker},
      {"torch.jit._pickle.build_boollist", kMaker},
      {"numpy.dtype", kMaker},
      {"numpy.core.multiarray.scalar", kMaker},
      {"numpy._core.multiarray.scalar", kMaker},
  };
  return globals;
}

constexpr std::string_view kDtypes[] = {
    "float64",    "double",        "float32",     "float",  "float16", "half",      "bfloat16",
    "int64",      "long",          "int32",       "int",    "int16",   "short",     "int8",
    "uint8",      "uint16",        "uint32",      "uint64", "bool",    "complex32", "complex64",
    "complex128", "float8_e4m3fn", "float8_e5m2", "strided"};

bool is_dotted_name(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '.';
  });
}

// Storage types ("torch.FloatStorage", "torch.storage.TypedStorage") and dtypes ("torch.float32").
bool is_torch_name(std::string_view name) {
  for (const std::string_view module : {"torch.storage.", "torch."}) {
    if (!name.starts_with(module)) continue;
    const std::string_view rest = name.substr(module.size());
    if (is_dotted_name(rest) && rest.find('.') == rest.npos && rest.ends_with("Storage"))
      return true;
  }
  return name.starts_with("torch.") &&
         std::find(std::begin(kDtypes), std::end(kDtypes), name.substr(6)) != std::end(kDtypes);
}

}  // namespace

PickleGlobal pickle_global(std::string_view name) {
  constexpr std::string_view kOldBuiltins = "__builtin__.";
  if (name.starts_with(kOldBuiltins))
    return pickle_global("builtins." + std::string(name.substr(kOldBuiltins.size())));
  const auto found = table().find(name);
  if (found != table().end()) return found->second;
  // Classes of a TorchScript archive.
  if (name.starts_with("__torch__.") && is_dotted_name(name)) return kMaker;
  return is_torch_name(name) ? kName : kRefused;
}

}  // namespace biplane
