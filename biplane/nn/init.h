#pragma once

#include <cstdint>
#include <string>

#include "biplane/nn/libtorch.h"

namespace biplane {

// Fills parameters with their starting values. Every parameter has a stream of its own, keyed by
// (seed, full name), so its values depend neither on the order of construction nor on which other
// modules exist, and the global generator is never touched. Numbers are drawn on the CPU in float32
// and copied, so they are the same on every device and dtype.
class Initializer {
 public:
  explicit Initializer(std::uint64_t seed, std::string prefix = "")
      : seed_(seed), prefix_(std::move(prefix)) {}
  // The same seed with "name." added to the prefix.
  Initializer child(const std::string& name) const {
    return Initializer(seed_, prefix_ + name + ".");
  }

  void normal(const std::string& name, torch::Tensor parameter, double std) const;
  // U(-bound, bound)
  void uniform(const std::string& name, torch::Tensor parameter, double bound) const;

 private:
  std::uint64_t seed_;
  std::string prefix_;
};

}  // namespace biplane
