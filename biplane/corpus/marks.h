#pragma once

#include "biplane/corpus/study.h"

namespace biplane {

// Where marks stand on their image; true where the view does not say its size.

// A box may stand over the edge of its image, but not beside it.
bool stands_on(const Box& box, const View& image);
// A mask may be smaller or larger than its image, but must have its shape, up to the rounding of a
// row or column: otherwise it would stand elsewhere.
bool has_shape_of(const Mask& mask, const View& image);

}  // namespace biplane
