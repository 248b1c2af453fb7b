#include "biplane/core/device_name.h"

#include <algorithm>

namespace biplane {
namespace {

constexpr std::string_view kCuda = "cuda";
constexpr std::size_t kMostDigits = 2;  // of the number of a device

// "N" of "cuda:N", without leading zeros.
bool is_device_number(std::string_view text) {
  const bool digits =
      std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
  return digits && !text.empty() && text.size() <= kMostDigits &&
         (text.size() == 1 || text[0] != '0');
}

}  // namespace

bool names_cuda(std::string_view device) {
  if (!device.starts_with(kCuda)) return false;
  const std::string_view rest = device.substr(kCuda.size());
  return rest.empty() || (rest[0] == ':' && is_device_number(rest.substr(1)));
}

}  // namespace biplane
