#pragma once

#include "biplane/imaging/heatmap.h"
#include "biplane/imaging/image.h"
#include "biplane/inference/explain.h"

namespace biplane {

// How the weights of kept patches become colours: one scale for both views of a study.
struct WeightScale {
  double most = 0;        // weight of the strongest tint
  double even_share = 0;  // weight of a kept patch if all had the same
  // `most` as a multiple of the even share.
  double most_shares() const { return even_share > 0 ? most / even_share : 0; }
};
WeightScale weight_scale(const SelectionExplanation& explanation);

// What a medium grey (128) becomes under the tint of `part` (0 to 1) of the strongest weight: for
// legends.
Colour tinted_grey(double part);

// A view at the size of its image: discarded patches dark and hatched, kept ones clear under a tint
// for their weight; a line between neighbours, but none where both weigh most in the same slot.
RgbImage selection_overlay(const ViewSelection& view, const WeightScale& scale);

// The views side by side with their counts and a legend.
RgbImage selection_picture(const SelectionExplanation& explanation);

}  // namespace biplane
