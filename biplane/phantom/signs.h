#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "biplane/phantom/patient.h"

namespace biplane {

// What a reader can say of a body and how it was taken, besides its findings. Remarks of a report
// that rest on one of these are only made where it holds, so that reports of normal chests differ
// by what their images show. Independent of the findings.
enum class BodySign {
  kBreasts,
  kLargeHabitus,
  kThinHabitus,
  kDemineralized,
  kKyphosis,
  kTortuousAorta,
  kSteepHeart,
  kTransverseHeart,
  kLowVolumes,
  kHighRightDome,
  kHighLeftDome,
  kGastricGas,
  kNoGastricGas,
  kRotatedRight,
  kRotatedLeft,
  kSternotomy,
  kClips,
};
inline constexpr int kBodySigns = 17;

// Names as the grammar writes them ("large_habitus"), in the order of the enumeration.
const std::array<std::string, kBodySigns>& sign_names();

inline std::uint32_t sign_bit(BodySign sign) { return 1U << static_cast<unsigned>(sign); }

// Bits of the signs that hold.
std::uint32_t body_signs(const Patient& patient, const Acquisition& acquisition);

}  // namespace biplane
