#pragma once

#include <string>
#include <vector>

#include "biplane/corpus/pack_shard.h"

namespace biplane {

// An image as it is put into a shard.
struct PackedImage {
  std::string name;    // of the member
  std::string bytes;   // encoded
  std::string source;  // path in the manifest
};

// A study with the images that can be read; `study` has only these views, their boxes and masks,
// with the members' names as paths.
struct PreparedStudy {
  Study study;
  std::string key;
  std::vector<PackedImage> images;  // one a view
  std::vector<LostImage> lost;
};

PreparedStudy prepare_study(const Manifest& manifest, std::int64_t place, const PackForm& form);

}  // namespace biplane
