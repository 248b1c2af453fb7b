// YAML, and behind a byte of 1 an assignment as of --set, into a configuration tree and on into a
// struct; what is accepted is written and read again as the same.
//
// Guards: biplane/core/config.cpp
#include "biplane/core/config.h"
#include "biplane/core/error.h"
#include "fuzz/seed_corpus.h"

namespace biplane::fuzz {
namespace {

struct Part {
  std::string path;
  double weight = 1;
  template <class V>
  void visit(V& v) {
    v.field("path", path);
    v.field("weight", weight);
  }
};

struct Everything {
  std::int64_t steps = 1;
  double rate = 0.5;
  bool fast = false;
  std::string name = "n";
  std::vector<std::int64_t> sizes;
  std::vector<double> shares;
  std::vector<std::string> words;
  std::vector<Part> parts;
  Part part;
  template <class V>
  void visit(V& v) {
    v.field("steps", steps);
    v.field("rate", rate);
    v.field("fast", fast);
    v.field("name", name);
    v.field("sizes", sizes);
    v.field("shares", shares);
    v.field("words", words);
    v.field("parts", parts);
    v.field("part", part);
  }
};

}  // namespace

std::vector<std::string> seeds() {
  return {"steps: 3\nrate: 1e-4\nfast: true\nname: \"a b\"\nsizes: [1, 2]\nshares: [0.5, 2]\n",
          "words: [a, 'b c']\nparts:\n  - {path: x, weight: 2}\n  - path: y\npart: {path: z}\n",
          "a: {b: [1, 2, {c: true}]}\nx: &y 3\nz: *y\n",
          "- 1\n- \"two\"\n",
          "steps: 1e3\nsizes: [a]\n",
          "stepz: 1\n",
          "steps: 1\n\1part.weight=3",
          "\1sizes=[1, 2]",
          "\1parts=[{path: x}]",
          "rate: .inf\nname: ~\n"};
}

void one_input(const std::uint8_t* data, std::size_t size) {
  const std::string content(reinterpret_cast<const char*>(data), size);
  const std::size_t mark = content.find('\1');
  Everything settings;
  try {
    ConfigTree tree = ConfigTree::parse(content.substr(0, mark), "input");
    if (mark != std::string::npos) tree.set(content.substr(mark + 1));
    load_config(tree, settings);
  } catch (const Error&) {
    return;
  }
  const std::string written = print_config(settings);
  Everything again;
  load_config(ConfigTree::parse(written, "written"), again);
  if (print_config(again) != written) __builtin_trap();
}

}  // namespace biplane::fuzz
