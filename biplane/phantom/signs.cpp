#include "biplane/phantom/signs.h"

namespace biplane {

const std::array<std::string, kBodySigns>& sign_names() {
  static const std::array<std::string, kBodySigns> names = {
      "breasts",        "large_habitus", "thin_habitus",     "demineralized", "kyphosis",
      "tortuous_aorta", "steep_heart",   "transverse_heart", "low_volumes",   "high_right_dome",
      "high_left_dome", "gastric_gas",   "no_gastric_gas",   "rotated_right", "rotated_left",
      "sternotomy",     "clips"};
  return names;
}

// Limits are set so that a sign holds for a tenth to half of all bodies (tested).
std::uint32_t body_signs(const Patient& p, const Acquisition& a) {
  std::uint32_t signs = 0;
  const auto add = [&](BodySign sign, bool holds) { signs |= holds ? sign_bit(sign) : 0; };
  add(BodySign::kBreasts, p.breast > 3.0);
  add(BodySign::kLargeHabitus, p.fat > 2.1);
  add(BodySign::kThinHabitus, p.fat < 1.3);
  add(BodySign::kDemineralized, p.bone < 0.97);
  add(BodySign::kKyphosis, p.kyphosis > 0.4);
  add(BodySign::kTortuousAorta, p.aorta > 1.0);
  add(BodySign::kSteepHeart, p.heart_tilt > 0.06);
  add(BodySign::kTransverseHeart, p.heart_tilt < -0.06);
  add(BodySign::kLowVolumes, a.inspiration - (p.dome_right + p.dome_left) / 2 < -0.5);
  add(BodySign::kHighRightDome, p.dome_right - p.dome_left > 0.6);
  add(BodySign::kHighLeftDome, p.dome_left - p.dome_right > 0.6);
  add(BodySign::kGastricGas, a.gas > 0.8);
  add(BodySign::kNoGastricGas, a.gas == 0);
  add(BodySign::kRotatedLeft, a.rotation_frontal > 0.03);
  add(BodySign::kRotatedRight, a.rotation_frontal < -0.03);
  add(BodySign::kSternotomy, p.sternotomy);
  add(BodySign::kClips, p.clips);
  return signs;
}

}  // namespace biplane
