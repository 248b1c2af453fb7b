#include "biplane/corpus/image_check.h"

#include <span>

#include "biplane/core/error.h"
#include "biplane/core/sha256.h"
#include "biplane/formats/file_bytes.h"
#include "biplane/imaging/decode.h"

namespace biplane {
namespace {

void use_header(const DicomInfo& info, ImageCheck& check) {
  check.view_position = info.view_position;
  check.sex = info.patient_sex;
  check.age = info.patient_age;
}

void use_error(const Error& error, ImageCheck& check) {
  check.problem = error.what();
  check.missing = error.kind() == ErrorKind::kMissingInput;
}

}  // namespace

ImageCheck check_image(const ImageSource& source, bool hash, std::optional<Fingerprint>* print) {
  constexpr int kCheckSide = 256;  // of the reduced JPEG: only whether it decodes matters
  ImageCheck check;
  try {
    DecodeOptions options;
    options.target_longest_side = kCheckSide;
    options.target_shortest_side = kCheckSide;
    const std::string content = read_image_bytes(source, options.limits);
    if (hash) check.sha256 = sha256_hex(content);
    const auto bytes = std::as_bytes(std::span(content));
    const DecodedImage decoded = decode_image(bytes, source.name(), options);
    check.rows = decoded.original_rows;
    check.cols = decoded.original_cols;
    if (decoded.dicom) use_header(*decoded.dicom, check);
    if (print != nullptr) *print = fingerprint(decoded.image);
  } catch (const Error& error) {
    use_error(error, check);
  }
  return check;
}

ImageCheck check_image_header(const std::filesystem::path& path) {
  ImageCheck check;
  try {
    const FileBytes file = FileBytes::open(path);  // mapped: only the pages of the header are read
    const ImageInfo info = probe_image(std::as_bytes(std::span(file.text())), path.string());
    check.rows = info.rows;
    check.cols = info.cols;
    if (info.dicom) use_header(*info.dicom, check);
  } catch (const Error& error) {
    use_error(error, check);
  }
  return check;
}

}  // namespace biplane
