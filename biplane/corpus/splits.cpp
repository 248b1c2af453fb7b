#include "biplane/corpus/splits.h"

#include "biplane/core/error.h"
#include "biplane/core/random.h"

namespace biplane {

void check_fractions(const SplitFractions& fractions) {
  const bool valid =
      fractions.validate >= 0 && fractions.test >= 0 && fractions.validate + fractions.test <= 1;
  if (valid) return;
  throw Error(ErrorKind::kUsage, "the fractions of the splits are validate " +
                                     std::to_string(fractions.validate) + " and test " +
                                     std::to_string(fractions.test) +
                                     "; each must be 0 to 1 and both together at most 1");
}

Split split_of_patient(const std::string& patient_id, const SplitFractions& fractions,
                       std::uint64_t seed) {
  const double place = CounterRandom(seed, "split", {stable_hash(patient_id)}).uniform();
  if (place < fractions.test) return Split::kTest;
  if (place < fractions.test + fractions.validate) return Split::kValidate;
  return Split::kTrain;
}

}  // namespace biplane
