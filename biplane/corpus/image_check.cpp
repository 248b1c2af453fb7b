#include "biplane/corpus/image_check.h"

#include <span>

#include "biplane/core/error.h"
#include "biplane/core/sha256.h"
#include "biplane/imaging/decode.h"
#include "biplane/imaging/dicom.h"

namespace biplane {

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
    if (is_dicom(bytes)) {
      const DicomInfo info = dicom_info(bytes, source.name(), options.limits);
      check.view_position = info.view_position;
      check.sex = info.patient_sex;
      check.age = info.patient_age;
    }
    if (print != nullptr) *print = fingerprint(decoded.image);
  } catch (const Error& error) {
    check.problem = error.what();
    check.missing = error.kind() == ErrorKind::kMissingInput;
  }
  return check;
}

}  // namespace biplane
