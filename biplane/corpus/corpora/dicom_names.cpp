#include "biplane/corpus/corpora/dicom_names.h"

#include <algorithm>

#include "biplane/core/sha256.h"

namespace biplane {

Pseudonyms::Pseudonyms(const std::string& salt, const std::vector<PacsImage>& images)
    : salt_(salt) {
  if (!salt_.empty()) return;
  std::vector<std::string> all;
  all.reserve(images.size());
  for (const PacsImage& image : images) all.push_back(image.study + " " + image.instance + "\n");
  std::sort(all.begin(), all.end());
  all.erase(std::unique(all.begin(), all.end()), all.end());
  std::string joined;
  for (const std::string& line : all) joined += line;
  salt_ = sha256_hex(joined);
}

std::string Pseudonyms::name(const std::string& identifier) const {
  constexpr std::size_t kDigits = 32;
  return sha256_hex(salt_ + "\n" + identifier).substr(0, kDigits);
}

}  // namespace biplane
