// Files of torch.save and TorchScript: as they are, and pickles in an archive with right CRCs,
// which a mutated archive seldom has.
//
// Guards: biplane/formats/torch_archive.cpp biplane/formats/torch_legacy.cpp
// biplane/formats/zip.cpp biplane/formats/zip_directory.cpp
#include <string>

#include "biplane/core/error.h"
#include "biplane/formats/safetensors.h"
#include "biplane/formats/torch_archive.h"
#include "fuzz/seed_corpus.h"
#include "tests/formats/torch_builder.h"

namespace biplane::fuzz {
namespace {

const std::string kStorage(24, 's');

}  // namespace

std::vector<std::string> seeds() {
  using namespace testing;
  const std::string pickle =
      p_whole(p_dict({p_text("a"), p_tensor(p_storage("0", 6), 0, {2, 3}, {3, 1}), p_text("b"),
                      p_tensor(p_storage("0", 6), 1, {2}, {3})}));
  std::vector<ZipRecord> script = torch_records(pickle, {{"0", kStorage}});
  script.push_back(deflated("archive/constants.pkl", p_whole(")")));
  return {pickle, torch_zip(pickle, {{"0", kStorage}}), make_zip(script),
          torch_legacy(pickle, {{"0", 6, kStorage}})};
}

void one_input(const std::uint8_t* data, std::size_t size) {
  std::string content(reinterpret_cast<const char*>(data), size);
  if (!TorchArchive::recognises(content))
    content = testing::torch_zip(content, {{"0", kStorage}, {"1", "12345678"}});
  try {
    const TorchArchive archive(FileBytes::keep(content, "input"));
    for (const TorchTensor& tensor : archive.tensors()) {
      std::string out(*tensor_bytes(tensor.dtype, tensor.shape), '\0');
      archive.read(tensor, std::as_writable_bytes(std::span(out)));
    }
  } catch (const Error&) {
  }
}

}  // namespace biplane::fuzz
