#pragma once

#include <optional>
#include <string>
#include <vector>

#include "biplane/core/random.h"
#include "biplane/corpus/study.h"
#include "biplane/phantom/regions.h"

namespace biplane {

// Errors in a layout's tables, as its real corpus has them. They are drawn by counter and never
// look at the image, the findings or the style; the manifest beside the layout stays the truth.
struct LabelNoise {
  double flip = 0;       // of a label: present is written as absent or the other way round
  double uncertain = 0;  // -1
  double blank = 0;      // not mentioned
  double quirk = 0;      // of a row or report: odd values that its corpus is known for
  double margin = 0;     // of the image's shorter side: how far around an object its reader draws

  bool any() const { return flip > 0 || uncertain > 0 || blank > 0 || quirk > 0 || margin > 0; }
};

// The errors of one study in one table. The numbers drawn do not depend on the rates.
class NoiseStream {
 public:
  NoiseStream(const LabelNoise& noise, std::uint64_t seed, const std::string& table,
              const std::string& study);

  // The label as written: 1, 0, -1, or nothing where it is blank.
  std::optional<int> label(int truth);
  bool flips();
  // Whether something that `prevalence` of all have is read wrongly: missed at the rate of flips,
  // invented about as often in all (findings are taken to be independent and seen). At one rate for
  // both, half the labels of a rare finding were wrong.
  bool misreads(bool present, double prevalence);
  bool quirk();
  const LabelNoise& rates() const { return noise_; }
  CounterRandom& random() { return random_; }
  // A box that a reader draws where nothing is, in an image of this size.
  RegionBox spurious_box(std::int64_t rows, std::int64_t cols);

 private:
  LabelNoise noise_;
  CounterRandom random_;
};

// The 14 labels of CheXpert in the order given, as its tables write them: "1.0", "0.0", "-1.0" or
// blank; labels that the phantom has no finding for are blank. With noise, No Finding is only
// written where it holds and no other label says otherwise, as a labeller does.
std::vector<std::string> chexpert_fields(const Study& study, const std::vector<std::string>& order,
                                         NoiseStream& noise);

}  // namespace biplane
