#pragma once

#include <string>
#include <string_view>

namespace biplane {

// What a pickle may do with a global that it names. Nothing of it is ever imported or called.
enum class PickleGlobal {
  kRefused,
  kName,   // stand as a value only: storage types, dtypes
  kMaker,  // be "called": the result is an object of plain arguments and state
  kDict,   // be "called": the result is a dict
  kList,   // be "called" with at most one list: the result is that list (sets)
};

// The allow-list: what torch.save and TorchScript write for tensors, parameters and their
// containers, argparse.Namespace, numpy's scalars. `name` is "module.name"; "__builtin__" counts as
// "builtins".
PickleGlobal pickle_global(std::string_view name);

}  // namespace biplane
