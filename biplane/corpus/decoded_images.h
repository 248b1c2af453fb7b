#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "biplane/corpus/manifest.h"
#include "biplane/formats/file_bytes.h"
#include "biplane/imaging/preprocess.h"

namespace biplane {

class Progress;

// The images of a manifest, decoded and fitted (preprocess.h) but not cropped, 8 bit a pixel, in
// one file that is mapped into memory, so that reading one is no work. Little-endian:
//   0      "BIPLDEC1"
//   8      u32 fit: 0 longest, 1 shortest     12  u32 size, pixels
//   16     u64 number of images: all views of all studies, in the manifest's order
//   24     64 bytes: SHA-256 as hexadecimal digits of the preprocessing and of every study's name
//          and its images (SHA-256 where the manifest has it, else path)
//   88     zeros up to 4096
//   4096   pixels, image after image, rows of cols bytes without padding
//   then   for each image u64 offset, u32 rows, u32 cols; rows 0: it could not be read
class DecodedImages {
 public:
  // decoded-FIT-SIZE.u8 in the folder of the manifest.
  static std::filesystem::path path_beside(const Manifest& manifest,
                                           const PreprocessOptions& options);
  // Nothing where that file is not there. Throws Error kBadContent naming it where it is damaged,
  // or was made of another manifest, other images or other preprocessing.
  static std::shared_ptr<const DecodedImages> open_beside(const Manifest& manifest,
                                                          const PreprocessOptions& options);
  // Makes that file, atomically; a valid one is kept. Images that cannot be read are left out.
  // Throws Error kIo.
  static void write_beside(const Manifest& manifest, const PreprocessOptions& options, int threads,
                           Progress* progress);

  // By places in the manifest and Study::views; nothing where it could not be read then.
  std::optional<GreyView> image(std::size_t study, std::size_t view) const;

 private:
  struct Entry {  // of the table
    std::uint64_t offset = 0;
    std::uint32_t rows = 0, cols = 0;
  };

  explicit DecodedImages(FileBytes file) : file_(std::move(file)) {}
  Entry entry(std::size_t number) const;

  FileBytes file_;
  std::vector<std::size_t> first_view_;  // number of a study's first image
  std::size_t table_ = 0;                // byte at which the table begins
};

// The image as a training run would have it before the crop, in 8 bit: exact for fit "longest",
// which works on 8 bit; rounded to the nearest for "shortest".
GreyImage fit_to_grey(const DecodedImage& decoded, const PreprocessOptions& options);

}  // namespace biplane
