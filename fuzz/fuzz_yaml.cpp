// YAML into a configuration tree and on into a struct.
//
// Guards: biplane/core/config.cpp
#include "biplane/core/config.h"
#include "biplane/core/error.h"
#include "biplane/imaging/preprocess.h"
#include "fuzz/seed_corpus.h"

namespace biplane::fuzz {

std::vector<std::string> seeds() {
  return {"fit: longest\nsize: 256\ncrop: 224\n", "a: {b: [1, 2, {c: true}]}\nx: &y 3\nz: *y\n",
          "- 1\n- \"two\"\n", "size: 1e3\ncrop: [1]\n"};
}

void one_input(const std::uint8_t* data, std::size_t size) {
  try {
    const ConfigTree tree =
        ConfigTree::parse(std::string(reinterpret_cast<const char*>(data), size), "input");
    PreprocessOptions options;
    load_config(tree, options);
  } catch (const Error&) {
  }
}

}  // namespace biplane::fuzz
