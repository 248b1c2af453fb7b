#pragma once

#include <vector>

#include "biplane/corpus/json_fields.h"
#include "biplane/corpus/study.h"

// Boxes and masks of a line of a manifest; of corpus/*.cpp only.
namespace biplane::json {

// A box at `place` of the line, of one of these views. Throws Error kBadContent naming the key.
Box read_box(const element& item, const Place& place, const std::vector<View>& views);
// The same of a mask, whose run lengths must cover it.
Mask read_mask(const element& item, const Place& place, const std::vector<View>& views);

}  // namespace biplane::json
