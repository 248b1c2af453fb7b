#pragma once

#include <cstdint>
#include <string>

#include "biplane/corpus/study.h"

namespace biplane {

// Fractions of the patients; the rest trains.
struct SplitFractions {
  double validate = 0, test = 0;
};

// Throws Error kUsage when a fraction is outside 0 .. 1 or both together exceed 1.
void check_fractions(const SplitFractions& fractions);

// The split of a patient: a pure function of (seed, patient), so it does not change when other
// patients come or go.
Split split_of_patient(const std::string& patient_id, const SplitFractions& fractions,
                       std::uint64_t seed);

}  // namespace biplane
