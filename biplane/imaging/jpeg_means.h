#pragma once

// The means of the 8 x 8 blocks of a baseline JPEG, which are all that an image reduced by 8 shows.
// libjpeg decodes every coefficient of every block to come to the next one, which is four fifths of
// its time; here the codes are only stepped over. What a file says about itself is read by libjpeg,
// and it decides on every file that gives any cause for doubt (docs/adr/0005).

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "biplane/imaging/image.h"

namespace biplane {

// A Huffman table as the file has it.
struct JpegCodes {
  std::span<const std::uint8_t> counts;   // of the codes of 1 .. 16 bits
  std::span<const std::uint8_t> symbols;  // in the order of their codes
};

// One component of a scan.
struct JpegComponent {
  int across = 1, down = 1;  // blocks of one MCU
  JpegCodes dc, ac;
};

// A sequential scan of all components with Huffman codes.
struct JpegScan {
  std::span<const std::byte> data;  // behind the scan's header, to the end of the file
  int mcu_rows = 0, mcu_cols = 0;
  int restart_interval = 0;               // in MCUs; 0: none
  std::vector<JpegComponent> components;  // the first one is the luma
  int dc_step = 1;                        // quantisation of the luma's means, below 2^15
};

// (rows, cols): one value a block of the luma, as libjpeg's inverse DCT of one coefficient gives
// it. Nothing where the data are damaged, end too early or too late, or are coded in a way that a
// decoder may read differently.
std::optional<GreyImage> jpeg_block_means(const JpegScan& scan, int rows, int cols);

}  // namespace biplane
