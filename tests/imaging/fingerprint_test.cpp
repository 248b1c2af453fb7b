#include "biplane/imaging/fingerprint.h"

#include <gtest/gtest.h>

#include <cmath>

#include "biplane/imaging/preprocess.h"

namespace biplane {
namespace {

// Smooth waves whose directions and lengths depend on `seed`.
GreyImage waves(int seed, int rows, int cols) {
  CounterRandom random(static_cast<std::uint64_t>(seed), "waves");
  FloatImage image = make_float(rows, cols);
  for (float& pixel : image.pixels) pixel = 0.5F;
  for (int wave = 0; wave < 20; ++wave) {
    const double v = random.uniform(0, 30), u = random.uniform(0, 30), phase = random.uniform(0, 6);
    for (int y = 0; y < rows; ++y) {
      for (int x = 0; x < cols; ++x) {
        image.pixels[static_cast<std::size_t>(y * cols + x)] +=
            static_cast<float>(0.05 * std::sin(phase + v * y / rows + u * x / cols));
      }
    }
  }
  return to_grey(image);
}

TEST(Fingerprint, IsTheSameAtAnotherSizeAndAtAnotherContrast) {
  const GreyImage image = waves(1, 200, 160);
  const Fingerprint print = fingerprint(image).value();
  EXPECT_NEAR(resemblance(print, print), 1, 1e-3);
  EXPECT_GT(resemblance(print, fingerprint(resize_area(image, 100, 80)).value()), 0.999);
  EXPECT_GT(resemblance(print, fingerprint(resize_area(image, 50, 40)).value()), 0.995);
  GreyImage pale = image;
  for (std::uint8_t& pixel : pale.pixels) pixel = static_cast<std::uint8_t>(60 + pixel / 2);
  EXPECT_GT(resemblance(print, fingerprint(pale).value()), 0.999);
}

TEST(Fingerprint, OfAnotherImageIsAnother) {
  const Fingerprint print = fingerprint(waves(1, 96, 96)).value();
  for (int seed = 2; seed < 40; ++seed)
    EXPECT_LT(resemblance(print, fingerprint(waves(seed, 96, 96)).value()), 0.9);
}

TEST(Fingerprint, OneGreyHasNone) {
  GreyImage image = make_grey(30, 30);
  EXPECT_FALSE(fingerprint(image).has_value());
  for (std::uint8_t& pixel : image.pixels) pixel = 255;
  EXPECT_FALSE(fingerprint(image).has_value());
  image.pixels[7] = 0;
  EXPECT_TRUE(fingerprint(image).has_value());
}

}  // namespace
}  // namespace biplane
