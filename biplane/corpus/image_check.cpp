#include "biplane/corpus/image_check.h"

#include <span>

#include "biplane/core/error.h"
#include "biplane/core/files.h"
#include "biplane/core/sha256.h"
#include "biplane/imaging/decode.h"

namespace biplane {

ImageCheck check_image(const std::filesystem::path& path, bool hash,
                       std::optional<Fingerprint>* print) {
  constexpr int kCheckSide = 256;  // of the reduced JPEG: only whether it decodes matters
  ImageCheck check;
  try {
    DecodeOptions options;
    options.target_longest_side = kCheckSide;
    options.target_shortest_side = kCheckSide;
    const std::string content =
        read_file(path, static_cast<std::uint64_t>(options.limits.max_file_bytes));
    if (hash) check.sha256 = sha256_hex(content);
    const auto bytes = std::as_bytes(std::span(content));
    const DecodedImage decoded = decode_image(bytes, path.string(), options);
    check.rows = decoded.original_rows;
    check.cols = decoded.original_cols;
    if (decoded.dicom) {
      check.view_position = decoded.dicom->view_position;
      check.sex = decoded.dicom->patient_sex;
      check.age = decoded.dicom->patient_age;
    }
    if (print != nullptr) *print = fingerprint(decoded.image);
  } catch (const Error& error) {
    check.problem = error.what();
    check.missing = error.kind() == ErrorKind::kMissingInput;
  }
  return check;
}

}  // namespace biplane
