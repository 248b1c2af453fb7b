#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace biplane {

// COCO run lengths of a mask (rows, cols), row-major, non-zero = inside: lengths of alternating
// runs in column-major order, starting with zeros (0 if the first pixel is inside). Throws Error
// kUsage if the size does not fit.
std::vector<std::int64_t> encode_rle(std::span<const std::uint8_t> mask, std::int64_t rows,
                                     std::int64_t cols);

// The mask (rows, cols), row-major, 0 or 1. Throws Error kBadContent when a run is negative, when
// the runs do not sum to rows x cols, or when the size is negative or above 2^31 pixels.
std::vector<std::uint8_t> decode_rle(std::span<const std::int64_t> counts, std::int64_t rows,
                                     std::int64_t cols);

// The same runs as SIIM-ACR writes them: blank-separated pairs of the gap after the end of the
// previous run and the run's length, column-major; "-1" for a mask without pixels.
std::string relative_rle(std::span<const std::int64_t> counts);
// And back: the COCO run lengths of a mask of that size. Throws Error kBadContent for anything but
// "-1" or pairs of whole numbers that fit into it.
std::vector<std::int64_t> parse_relative_rle(std::string_view text, std::int64_t rows,
                                             std::int64_t cols);

// COCO's compressed form of the run lengths, as pycocotools writes "counts": five bits a letter,
// and from the third run on the difference to the run before the last. Throws Error kBadContent for
// other letters, an unfinished number, or what decode_rle refuses.
std::vector<std::int64_t> parse_compressed_rle(std::string_view text, std::int64_t rows,
                                               std::int64_t cols);

// Pixels inside. Throws as decode_rle does.
std::int64_t rle_area(std::span<const std::int64_t> counts, std::int64_t rows, std::int64_t cols);

}  // namespace biplane
