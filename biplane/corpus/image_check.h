#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "biplane/imaging/decode.h"
#include "biplane/imaging/fingerprint.h"

namespace biplane {

// Whether an image file is there and decodes; nothing is thrown for one that does not.
struct ImageCheck {
  std::int64_t rows = 0, cols = 0;      // as stored: of a reduced image its own
  std::string sha256;                   // of the file, if asked for
  std::string problem;                  // empty: fine; else one line that names the file
  bool missing = false;                 // the problem is that there is no such file
  std::string view_position, sex, age;  // of a DICOM header, as stored
};

// Reads the whole file once and decodes all of it (a JPEG at reduced size, which still reads every
// coefficient). `print`: where to put the fingerprint of an image that decodes and is not of one
// grey.
ImageCheck check_image(const ImageSource& source, bool hash,
                       std::optional<Fingerprint>* print = nullptr);

// The same of the file's header alone: no hash, and the pixels may be damaged.
ImageCheck check_image_header(const std::filesystem::path& path);

}  // namespace biplane
