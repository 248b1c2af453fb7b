// Pickles, and the tensors that a torch file's pickle describes; a tensor that is accepted must lie
// inside its storage.
//
// Guards: biplane/formats/pickle.cpp biplane/formats/pickle_globals.cpp
// biplane/formats/pickle_input.cpp biplane/formats/pickle_machine.cpp
// biplane/formats/torch_tensors.cpp
#include <string>

#include "biplane/core/error.h"
#include "biplane/formats/pickle.h"
#include "biplane/formats/safetensors.h"
#include "biplane/formats/torch_tensors.h"
#include "fuzz/seed_corpus.h"
#include "tests/formats/torch_builder.h"

namespace biplane::fuzz {

std::vector<std::string> seeds() {
  using namespace testing;
  const std::string tensor = p_tensor(p_storage("0", 6), 1, {2, 2}, {3, 1});
  const std::string space =
      p_global("argparse", "Namespace") + ")\x81" + p_dict({p_text("lr"), "K\x05"}) + "b";
  return {p_whole(p_dict({p_text("w"), tensor, p_text("args"), space})),
          p_whole(p_global("__torch__", "M") + ")\x81" + p_dict({p_text("w"), tensor}) + "b"),
          "\x80\x04\x8C\x05torch\x94\x8C\x04Size\x94\x93(K\x01K\x02t\x85R\x94h\x01\x86.",
          "(NI01\nL5L\nF1.5\nV\\u00e9\np0\nS'a\\x41'\n(lp1\nI1\na(dp2\ng0\nI2\nst."};
}

void one_input(const std::uint8_t* data, std::size_t size) {
  const std::string content(reinterpret_cast<const char*>(data), size);
  try {
    const PickleTree tree = read_pickle(content, "input");
    if (tree.bytes > size) __builtin_trap();
    storages_in(tree, "input");
    for (const TorchTensor& tensor : tensors_in(tree, "input")) {
      if (tensor.storage.bytes > 1 << 16) continue;
      const std::string storage(tensor.storage.bytes, 's');
      std::string out(*tensor_bytes(tensor.dtype, tensor.shape), '\0');
      copy_contiguous(tensor, storage, std::as_writable_bytes(std::span(out)));
      if (out.find_first_not_of('s') != std::string::npos) __builtin_trap();
    }
  } catch (const Error&) {
  }
}

}  // namespace biplane::fuzz
