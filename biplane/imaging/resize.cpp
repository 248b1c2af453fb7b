#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "biplane/core/error.h"
#include "biplane/imaging/preprocess.h"

namespace biplane {
namespace {

// For each output position the input positions it is made of, and their weights (sum 1).
struct Taps {
  std::vector<int> first;     // (outputs)
  std::vector<int> count;     // (outputs)
  std::vector<float> weight;  // (outputs x most)
  int most = 0;

  const float* weights(int output) const {
    return weight.data() + static_cast<std::size_t>(output) * static_cast<std::size_t>(most);
  }
};

Taps make_taps(int outputs, int most) {
  Taps taps;
  taps.most = most;
  taps.first.resize(static_cast<std::size_t>(outputs));
  taps.count.resize(static_cast<std::size_t>(outputs));
  taps.weight.resize(static_cast<std::size_t>(outputs) * static_cast<std::size_t>(most));
  return taps;
}

// One side of an image: pixel j covers [j by - lead, (j + 1) by - lead) of `length` full ones.
struct Side {
  int pixels = 0;
  int length = 0, by = 1, lead = 0;

  std::int64_t begin(std::int64_t j) const { return std::max<std::int64_t>(j * by - lead, 0); }
  std::int64_t end(std::int64_t j) const {
    return std::min<std::int64_t>((j + 1) * by - lead, length);
  }
};

Side plain_side(int pixels) { return {pixels, pixels, 1, 0}; }

// Area averaging to m outputs, no more than inputs: the share of each input pixel, exact in
// integers.
Taps area_taps(const Side& side, int m) {
  const std::int64_t n = side.length;
  Taps taps = make_taps(m, static_cast<int>(n / (std::int64_t{m} * side.by)) + 2);
  for (int i = 0; i < m; ++i) {
    // Output i covers [i n / m, (i + 1) n / m); positions below are multiples of 1 / m.
    const std::int64_t begin = std::int64_t{i} * n, end = begin + n;
    const int first = static_cast<int>((begin / m + side.lead) / side.by);
    int used = 0;
    for (int j = first; j < side.pixels && side.begin(j) * m < end; ++j, ++used) {
      const std::int64_t low = std::max(begin, side.begin(j) * m);
      const std::int64_t high = std::min(end, side.end(j) * m);
      taps.weight[static_cast<std::size_t>(i * taps.most + used)] =
          static_cast<float>(static_cast<double>(high - low) / static_cast<double>(n));
    }
    taps.first[static_cast<std::size_t>(i)] = first;
    taps.count[static_cast<std::size_t>(i)] = used;
  }
  return taps;
}

// Linear interpolation with area-aligned weights: what INTER_AREA means when it enlarges (which a
// reduced image never does).
Taps area_linear_taps(const Side& side, int m) {
  const int n = side.pixels;
  Taps taps = make_taps(m, 2);
  for (int i = 0; i < m; ++i) {
    const int s = static_cast<int>(std::int64_t{i} * n / m);
    const double overlap = (i + 1) - (s + 1) * (static_cast<double>(m) / n);
    const double f = overlap <= 0 ? 0 : overlap - std::floor(overlap);
    const bool inside = s + 1 < n;
    const auto at = static_cast<std::size_t>(i);
    taps.first[at] = s;
    taps.count[at] = inside ? 2 : 1;
    taps.weight[2 * at] = inside ? static_cast<float>(1 - f) : 1.0F;
    taps.weight[2 * at + 1] = inside ? static_cast<float>(f) : 0.0F;
  }
  return taps;
}

// Triangle filter with half-pixel centres, widened by the scale when it reduces.
Taps antialiased_taps(const Side& side, int m) {
  const double scale = static_cast<double>(side.length) / side.by / m;
  const double lead = static_cast<double>(side.lead) / side.by;
  const double width = std::max(scale, 1.0);
  Taps taps = make_taps(m, static_cast<int>(std::ceil(width)) * 2 + 1);
  for (int i = 0; i < m; ++i) {
    const double center = scale * (i + 0.5) + lead;
    const int first = std::max(static_cast<int>(center - width + 0.5), 0);
    const int count = std::min(static_cast<int>(center + width + 0.5), side.pixels) - first;
    std::vector<double> weights;
    double total = 0;
    for (int j = 0; j < count; ++j) {
      const double covered =
          static_cast<double>(side.end(first + j) - side.begin(first + j)) / side.by;
      const double distance = std::abs((first + j - center + 0.5) / width);
      weights.push_back(covered * std::max(0.0, 1.0 - distance));
      total += weights.back();
    }
    for (int j = 0; j < count; ++j)
      taps.weight[static_cast<std::size_t>(i * taps.most + j)] =
          static_cast<float>(weights[static_cast<std::size_t>(j)] / total);
    taps.first[static_cast<std::size_t>(i)] = first;
    taps.count[static_cast<std::size_t>(i)] = count;
  }
  return taps;
}

// Weighted rows first (they run over whole rows, so they vectorise), then columns.
template <class Pixel>
FloatImage resample(const std::vector<Pixel>& pixels, int cols, const Taps& vertical,
                    const Taps& horizontal) {
  FloatImage result = make_float(static_cast<int>(vertical.first.size()),
                                 static_cast<int>(horizontal.first.size()));
  const auto width = static_cast<std::size_t>(cols);
  std::vector<float> line(width);
  std::size_t next = 0;
  for (int y = 0; y < result.rows; ++y) {
    std::fill(line.begin(), line.end(), 0.0F);
    const float* down = vertical.weights(y);
    for (int k = 0; k < vertical.count[static_cast<std::size_t>(y)]; ++k) {
      const auto row = static_cast<std::size_t>(vertical.first[static_cast<std::size_t>(y)] + k);
      const Pixel* from = pixels.data() + row * width;
      const float weight = down[k];
      for (std::size_t x = 0; x < width; ++x) line[x] += weight * static_cast<float>(from[x]);
    }
    for (int x = 0; x < result.cols; ++x) {
      const float* across = horizontal.weights(x);
      const float* from = line.data() + horizontal.first[static_cast<std::size_t>(x)];
      float sum = 0;
      for (int k = 0; k < horizontal.count[static_cast<std::size_t>(x)]; ++k)
        sum += across[k] * from[k];
      result.pixels[next++] = sum;
    }
  }
  return result;
}

void check_sides(int from_rows, int from_cols, int rows, int cols) {
  if (from_rows < 1 || from_cols < 1 || rows < 1 || cols < 1)
    throw Error(ErrorKind::kUsage, "resizing from or to an image without pixels");
}

Side rows_of(const DecodedImage& decoded) {
  if (decoded.reduction.by == 1) return plain_side(decoded.image.rows);
  return {decoded.image.rows, decoded.original_rows, decoded.reduction.by,
          decoded.reduction.lead_rows};
}

Side cols_of(const DecodedImage& decoded) {
  if (decoded.reduction.by == 1) return plain_side(decoded.image.cols);
  return {decoded.image.cols, decoded.original_cols, decoded.reduction.by,
          decoded.reduction.lead_cols};
}

GreyImage resize_sides(const GreyImage& image, const Side& from_rows, const Side& from_cols,
                       int rows, int cols) {
  check_sides(image.rows, image.cols, rows, cols);
  // OpenCV enlarges both ways as soon as one side grows.
  const bool shrinks = rows <= image.rows && cols <= image.cols;
  const auto taps = shrinks ? area_taps : area_linear_taps;
  const FloatImage exact =
      resample(image.pixels, image.cols, taps(from_rows, rows), taps(from_cols, cols));
  GreyImage result = make_grey(rows, cols);
  for (std::size_t i = 0; i < result.pixels.size(); ++i)
    result.pixels[i] = static_cast<std::uint8_t>(std::clamp(exact.pixels[i] + 0.5F, 0.0F, 255.0F));
  return result;
}

}  // namespace

GreyImage resize_area(const GreyImage& image, int rows, int cols) {
  if (rows == image.rows && cols == image.cols && rows > 0 && cols > 0) return image;
  return resize_sides(image, plain_side(image.rows), plain_side(image.cols), rows, cols);
}

GreyImage resize_area(const DecodedImage& decoded, int rows, int cols) {
  if (decoded.reduction.by == 1) return resize_area(decoded.image, rows, cols);
  return resize_sides(decoded.image, rows_of(decoded), cols_of(decoded), rows, cols);
}

FloatImage resize_antialiased(const FloatImage& image, int rows, int cols) {
  check_sides(image.rows, image.cols, rows, cols);
  return resample(image.pixels, image.cols, antialiased_taps(plain_side(image.rows), rows),
                  antialiased_taps(plain_side(image.cols), cols));
}

FloatImage resize_antialiased(const DecodedImage& decoded, int rows, int cols) {
  check_sides(decoded.image.rows, decoded.image.cols, rows, cols);
  return resample(to_float(decoded.image).pixels, decoded.image.cols,
                  antialiased_taps(rows_of(decoded), rows),
                  antialiased_taps(cols_of(decoded), cols));
}

}  // namespace biplane
