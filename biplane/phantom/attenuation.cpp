#include "biplane/phantom/attenuation.h"

#include <algorithm>
#include <cmath>

#include "biplane/phantom/intervals.h"

namespace biplane {
namespace {

// Unevenness of soft tissue and of lungs, per unit of texture_field.
constexpr float kStrands = 0.0035F, kInterstitium = 0.034F;

std::size_t at(const Camera& camera, int row, int col) {
  return static_cast<std::size_t>(row) * static_cast<std::size_t>(camera.size) +
         static_cast<std::size_t>(col);
}

PathImage blank(const Camera& camera) {
  return PathImage(static_cast<std::size_t>(camera.size) * static_cast<std::size_t>(camera.size),
                   0.0F);
}

}  // namespace

void add_deposits(const std::vector<Deposit>& deposits, const Camera& camera, PathImage& image) {
  Intervals row_interval(camera.size);
  for (const Deposit& deposit : deposits) {
    const ProjectedSolid solid(deposit.solid, camera);
    const float density = static_cast<float>(deposit.density) * solid.weight();
    const int count = solid.col_end() - solid.col_begin();
    for (int row = solid.row_begin(); row < solid.row_end() && count > 0; ++row) {
      solid.chords(row, solid.col_begin(), solid.col_end(), row_interval.enter.data(),
                   row_interval.leave.data());
      float* out = image.data() + at(camera, row, solid.col_begin());
      const float* enter = row_interval.enter.data();
      const float* leave = row_interval.leave.data();
      for (int i = 0; i < count; ++i) out[i] += density * std::max(0.0F, leave[i] - enter[i]);
    }
  }
}

PathImage render_hull(const std::vector<Solid>& solids, const Camera& camera) {
  PathImage image = blank(camera);
  const std::vector<ProjectedSolid> projected = project_all(solids, camera);
  Intervals hull(camera.size), scratch(camera.size);
  for (int row = 0; row < camera.size; ++row) {
    if (!hull_row(projected, {row, {0, camera.size}, scratch}, hull)) continue;
    float* out = image.data() + at(camera, row, 0);
    for (int i = 0; i < camera.size; ++i)
      out[i] = std::max(
          0.0F, hull.leave[static_cast<std::size_t>(i)] - hull.enter[static_cast<std::size_t>(i)]);
  }
  return image;
}

ProjectedScene::ProjectedScene(Scene scene, const Camera& camera)
    : camera_(camera), scene_(std::move(scene)), body_(render_hull(scene_.body, camera)) {
  for (std::size_t i = 0; i < kLayers; ++i) {
    layers_[i] = blank(camera);
    add_deposits(scene_.layers[i], camera, layers_[i]);
  }
  for (std::size_t s = 0; s < 2; ++s) lungs_[s] = render_lung(scene_.lungs[s], camera);
  if (scene_.texture != 0) texture_ = texture_field(scene_.texture, camera.size, camera.field);
}

void ProjectedScene::scale_rays(PathImage& paths) const {
  const std::size_t n = static_cast<std::size_t>(camera_.size);
  std::vector<float> across(n);
  for (std::size_t c = 0; c < n; ++c) {
    const double u = camera_.across(static_cast<double>(c));
    across[c] = static_cast<float>(u * u);
  }
  const float water = static_cast<float>(camera_.water);
  for (std::size_t r = 0; r < n; ++r) {
    const double v = camera_.along(static_cast<double>(r));
    const float rest = static_cast<float>(1 + v * v);
    float* out = paths.data() + r * n;
    for (std::size_t c = 0; c < n; ++c) out[c] *= water * std::sqrt(rest + across[c]);
  }
}

float ProjectedScene::layer_contrast(std::size_t layer) const {
  const Layer name = static_cast<Layer>(layer);
  const bool hard = name == Layer::kSkeleton || name == Layer::kSpine || name == Layer::kDevices;
  return hard ? static_cast<float>(camera_.bone) : 1.0F;
}

// A lung's share of a view: vessels too small to be drawn make its air uneven.
void ProjectedScene::add_lung(const PathImage& lung, float sign, PathImage& total) const {
  if (texture_.empty())
    for (std::size_t i = 0; i < total.size(); ++i) total[i] += sign * lung[i];
  else
    for (std::size_t i = 0; i < total.size(); ++i)
      total[i] += sign * lung[i] * (1 - kInterstitium * texture_[i]);
}

PathImage ProjectedScene::attenuation() const {
  PathImage total = body_;
  for (std::size_t k = 0; k < kLayers; ++k) {
    const float contrast = layer_contrast(k);
    for (std::size_t i = 0; i < total.size(); ++i) total[i] += contrast * layers_[k][i];
  }
  for (std::size_t i = 0; i < texture_.size(); ++i) total[i] += kStrands * body_[i] * texture_[i];
  for (const PathImage& lung : lungs_) add_lung(lung, -1, total);
  for (float& value : total) value = std::max(0.0F, value);
  scale_rays(total);
  return total;
}

PathImage ProjectedScene::difference(const Scene& other) const {
  PathImage change = blank(camera_);
  const auto add = [&](const PathImage& image, float sign) {
    for (std::size_t i = 0; i < change.size(); ++i) change[i] += sign * image[i];
  };
  if (other.body != scene_.body) {
    add(body_, 1);
    add(render_hull(other.body, camera_), -1);
  }
  for (std::size_t k = 0; k < kLayers; ++k) {
    if (other.layers[k] == scene_.layers[k]) continue;
    PathImage image = blank(camera_);
    add_deposits(other.layers[k], camera_, image);
    add(layers_[k], layer_contrast(k));
    add(image, -layer_contrast(k));
  }
  for (std::size_t s = 0; s < 2; ++s) {
    if (other.lungs[s] == scene_.lungs[s]) continue;
    add_lung(lungs_[s], -1, change);
    add_lung(render_lung(other.lungs[s], camera_), 1, change);
  }
  scale_rays(change);
  return change;
}

}  // namespace biplane
