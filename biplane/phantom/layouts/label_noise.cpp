#include "biplane/phantom/layouts/label_noise.h"

#include <algorithm>

namespace biplane {

NoiseStream::NoiseStream(const LabelNoise& noise, std::uint64_t seed, const std::string& table,
                         const std::string& study)
    : noise_(noise), random_(seed, "phantom/layout/" + table, {stable_hash(study)}) {}

std::optional<int> NoiseStream::label(int truth) {
  const double u = random_.uniform();
  if (u < noise_.flip) return 1 - truth;
  if (u < noise_.flip + noise_.uncertain) return -1;
  if (u < noise_.flip + noise_.uncertain + noise_.blank) return std::nullopt;
  return truth;
}

bool NoiseStream::flips() { return random_.bernoulli(noise_.flip); }
bool NoiseStream::misreads(bool present, double prevalence) {
  return random_.bernoulli(present ? noise_.flip : noise_.flip * prevalence / (1 - prevalence));
}
bool NoiseStream::quirk() { return random_.bernoulli(noise_.quirk); }

RegionBox NoiseStream::spurious_box(std::int64_t rows, std::int64_t cols) {
  RegionBox box;
  box.w = std::max<std::int64_t>(2, cols / 12 + random_.below(std::max<std::int64_t>(1, cols / 6)));
  box.h = std::max<std::int64_t>(2, rows / 12 + random_.below(std::max<std::int64_t>(1, rows / 6)));
  box.x = random_.below(cols - box.w);
  box.y = random_.below(rows - box.h);
  return box;
}

std::vector<std::string> chexpert_fields(const Study& study, const std::vector<std::string>& order,
                                         NoiseStream& noise) {
  std::vector<std::string> fields;
  std::size_t no_finding = order.size();
  bool other = false;
  for (std::size_t i = 0; i < order.size(); ++i) {
    const auto truth = study.labels_chexpert.find(order[i]);
    if (order[i] == "No Finding") no_finding = i;
    if (truth == study.labels_chexpert.end() || order[i] == "No Finding") {
      fields.emplace_back();
      continue;
    }
    const std::optional<int> written = noise.label(truth->second);
    other = other || (written && *written != 0);
    fields.push_back(!written ? "" : *written == 1 ? "1.0" : *written == 0 ? "0.0" : "-1.0");
  }
  if (no_finding == order.size()) return fields;
  const bool none = study.labels_chexpert.at("No Finding") == 1;
  if (noise.rates().any()) {
    fields[no_finding] = none && !other ? "1.0" : "";
  } else {
    fields[no_finding] = none ? "1.0" : "0.0";
  }
  return fields;
}

}  // namespace biplane
