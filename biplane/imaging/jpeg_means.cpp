#include "biplane/imaging/jpeg_means.h"

#include <algorithm>
#include <cstring>

namespace biplane {
namespace {

constexpr int kWindow = 12;           // bits looked at together
constexpr int kLongestCode = 16;      // bits
constexpr unsigned kMostDcBits = 11;  // of a difference of means, in 8-bit images
constexpr int kEndOfBlock = 64;       // added to the coefficients that are passed
constexpr std::size_t kSlack = 1024;  // zeros behind the data: more than one block can take

// What the next bits stand for.
struct Step {
  std::uint8_t bits = 0;    // of the codes and of the values behind them; 0: not known
  std::uint8_t passed = 0;  // coefficients, and kEndOfBlock where the block ends
};

// Bits of a text without stuffed bytes, behind which there are kSlack zeros.
class BitReader {
 public:
  explicit BitReader(const std::uint8_t* data) : begin_(data), next_(data) {}

  // After it there are at least 56 bits to peek at and to skip.
  void refill() {
    std::uint64_t word = 0;
    std::memcpy(&word, next_, sizeof word);
    held_ |= __builtin_bswap64(word) >> count_;
    next_ += (63 - count_) >> 3;
    count_ |= 56;
  }
  unsigned peek(int bits) const { return static_cast<unsigned>(held_ >> (64 - bits)); }
  void skip(unsigned bits) {
    held_ <<= bits;
    count_ -= bits;
  }
  std::size_t used() const { return 8 * static_cast<std::size_t>(next_ - begin_) - count_; }

 private:
  const std::uint8_t* begin_;
  const std::uint8_t* next_;
  std::uint64_t held_ = 0;  // from the highest bit on
  unsigned count_ = 0;      // of them
};

// A table of codes, by the bits that begin with one. The code of all ones is no code.
class CodeTable {
 public:
  // False for a table that is none, or has a symbol above `most`.
  bool build(const JpegCodes& codes, unsigned most) {
    unsigned code = 0;
    std::size_t next = 0;
    for (int length = 1; length <= kLongestCode; ++length, code <<= 1) {
      const unsigned count = codes.counts[static_cast<std::size_t>(length - 1)];
      if (code + count >= 1U << length || next + count > codes.symbols.size()) return false;
      for (unsigned i = 0; i < count; ++i, ++code, ++next) {
        if (codes.symbols[next] > most) return false;
        add(code, length, codes.symbols[next]);
      }
    }
    return true;
  }

  struct Code {
    std::uint8_t length = 0;  // 0: no code begins like this
    std::uint8_t symbol = 0;
  };
  Code find(unsigned sixteen_bits) const {
    const Code usual = short_[sixteen_bits >> (kLongestCode - kWindow)];
    return usual.length > 0 ? usual : all_[sixteen_bits];
  }

 private:
  template <class Table>
  static void add(Table& table, int table_bits, unsigned code, Code entry) {
    const int behind = table_bits - entry.length;
    if (behind >= 0) std::fill_n(table.begin() + (code << behind), 1U << behind, entry);
  }
  void add(unsigned code, int length, std::uint8_t symbol) {
    const Code entry{static_cast<std::uint8_t>(length), symbol};
    add(short_, kWindow, code, entry);
    add(all_, kLongestCode, code, entry);
  }

  std::array<Code, 1 << kWindow> short_{};  // stays in the fastest cache
  std::array<Code, 1 << kLongestCode> all_{};
};

// One code of a coefficient that is not the block's first.
Step step_of(CodeTable::Code code) {
  const unsigned zeros = code.symbol >> 4, bits = code.symbol & 15;
  if (code.length == 0 || (bits == 0 && zeros > 0 && zeros < 15)) return {};
  const bool end = code.symbol == 0;
  return {static_cast<std::uint8_t>(code.length + bits),
          static_cast<std::uint8_t>(end ? kEndOfBlock : zeros + 1)};
}

// The tables of one component.
struct Component {
  int across = 1, down = 1;
  CodeTable dc, ac;
  // Of as many codes as begin and end within the window (the last one's value may go on behind it).
  std::array<Step, 1 << kWindow> steps{};

  bool build(const JpegComponent& from) {
    across = from.across;
    down = from.down;
    if (!dc.build(from.dc, kMostDcBits) || !ac.build(from.ac, 0xFF)) return false;
    for (unsigned window = 0; window < steps.size(); ++window) {
      Step& sum = steps[window];
      while (sum.bits < kWindow && sum.passed < kEndOfBlock) {
        const CodeTable::Code code =
            ac.find(window << (kLongestCode - kWindow + sum.bits) & 0xFFFF);
        const Step step = step_of(code);
        if (step.bits == 0 || sum.bits + code.length > kWindow ||
            (step.passed < kEndOfBlock && sum.passed + step.passed >= kEndOfBlock))
          break;
        sum.bits = static_cast<std::uint8_t>(sum.bits + step.bits);
        sum.passed = static_cast<std::uint8_t>(sum.passed + step.passed);
      }
    }
    return true;
  }

  // Difference of a block's mean to the one before it; false where there is no such code.
  bool read_mean(BitReader& bits, int& mean) const {
    bits.refill();
    const CodeTable::Code code = dc.find(bits.peek(kLongestCode));
    if (code.length == 0) return false;
    bits.skip(code.length);
    if (code.symbol == 0) return true;
    const int value = static_cast<int>(bits.peek(code.symbol));
    bits.skip(code.symbol);
    const int half = 1 << (code.symbol - 1);
    mean += value >= half ? value : value - 2 * half + 1;
    return true;
  }

  // Steps over the other coefficients of a block; false where they are damaged or too many.
  bool skip_block(BitReader& bits) const {
    unsigned at = 1;  // the coefficient that is next
    for (;;) {
      bits.refill();
      Step step = steps[bits.peek(kWindow)];
      unsigned then = at + step.passed;
      // Codes that are looked at together may lie on both sides of the block's end.
      const bool together =
          step.bits > 0 && (then <= 64 || (step.passed >= kEndOfBlock && then < kEndOfBlock + 64));
      if (!together) {
        step = step_of(ac.find(bits.peek(kLongestCode)));
        then = at + step.passed;
        if (step.bits == 0 || (then > 64 && step.passed != kEndOfBlock)) return false;
      }
      bits.skip(step.bits);
      if (then >= 64) return true;
      at = then;
    }
  }
};

// The blocks of a scan, written row by row.
class MeansReader {
 public:
  MeansReader(const JpegScan& scan, GreyImage& image) : scan_(scan), image_(image) {}

  bool read() {
    components_.resize(scan_.components.size());
    for (std::size_t i = 0; i < components_.size(); ++i)
      if (!components_[i].build(scan_.components[i])) return false;
    const std::int64_t all = std::int64_t{scan_.mcu_rows} * scan_.mcu_cols;
    const std::int64_t interval = scan_.restart_interval > 0 ? scan_.restart_interval : all;
    int restart = 0;
    for (std::int64_t first = 0; first < all; first += interval) {
      int marker = 0;
      if (!take_segment(marker) || !read_mcus(first, std::min(all, first + interval))) return false;
      const bool last = first + interval >= all;
      if (marker != (last ? 0xD9 : 0xD0 + restart)) return false;
      restart = (restart + 1) % 8;
    }
    return true;
  }

 private:
  // Copies the data up to the next marker without the zeros that are stuffed behind 0xFF.
  bool take_segment(int& marker) {
    const auto* data = reinterpret_cast<const std::uint8_t*>(scan_.data.data());
    const std::uint8_t* end = data + scan_.data.size();
    segment_.clear();
    for (const std::uint8_t* at = data + position_;;) {
      const void* found = std::memchr(at, 0xFF, static_cast<std::size_t>(end - at));
      if (found == nullptr || end - static_cast<const std::uint8_t*>(found) < 2) return false;
      const auto* mark = static_cast<const std::uint8_t*>(found);
      segment_.insert(segment_.end(), at, mark);
      at = mark + 2;
      if (mark[1] == 0) {
        segment_.push_back(0xFF);
        continue;
      }
      marker = mark[1];
      position_ = static_cast<std::size_t>(at - data);
      break;
    }
    segment_bits_ = 8 * segment_.size();
    segment_.resize(segment_.size() + kSlack);
    return true;
  }

  bool read_mcus(std::int64_t from, std::int64_t to) {
    BitReader bits(segment_.data());
    int luma = 0;
    for (std::int64_t mcu = from; mcu < to; ++mcu) {
      const int y = static_cast<int>(mcu / scan_.mcu_cols);
      const int x = static_cast<int>(mcu % scan_.mcu_cols);
      for (const Component& component : components_) {
        const bool is_luma = &component == components_.data();
        int other = 0;
        for (int block = 0; block < component.across * component.down; ++block) {
          int& mean = is_luma ? luma : other;
          if (!component.read_mean(bits, mean) || !component.skip_block(bits)) return false;
          if (bits.used() > segment_bits_) return false;
          if (is_luma && !put(y * component.down + block / component.across,
                              x * component.across + block % component.across, mean))
            return false;
        }
      }
    }
    return segment_bits_ - bits.used() < 8;  // they fill the last byte
  }

  bool put(int y, int x, int mean) {
    // Nothing beyond these is written by an encoder, and decoders differ.
    if (mean < -0x8000 || mean > 0x7FFF) return false;
    const int value = (mean * scan_.dc_step + 4) >> 3;
    if (value < -512 || value > 511) return false;
    if (y >= image_.rows || x >= image_.cols) return true;  // fills up the last MCU
    image_.pixels[static_cast<std::size_t>(y) * static_cast<std::size_t>(image_.cols) +
                  static_cast<std::size_t>(x)] =
        static_cast<std::uint8_t>(std::clamp(value + 128, 0, 255));
    return true;
  }

  const JpegScan& scan_;
  GreyImage& image_;
  std::vector<Component> components_;
  std::vector<std::uint8_t> segment_;
  std::size_t segment_bits_ = 0;
  std::size_t position_ = 0;
};

}  // namespace

std::optional<GreyImage> jpeg_block_means(const JpegScan& scan, int rows, int cols) {
  GreyImage image = make_grey(rows, cols);
  if (!MeansReader(scan, image).read()) return std::nullopt;
  return image;
}

}  // namespace biplane
