#include "biplane/phantom/attenuation.h"

#include <algorithm>
#include <cmath>

#include "biplane/phantom/intervals.h"

namespace biplane {
namespace {

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
}

float ProjectedScene::ray_scale(int row, int col) const {
  const double u = camera_.across(col), v = camera_.along(row);
  return static_cast<float>(kWaterAttenuation * std::sqrt(1 + u * u + v * v));
}

PathImage ProjectedScene::attenuation() const {
  PathImage total = body_;
  for (const PathImage& layer : layers_)
    for (std::size_t i = 0; i < total.size(); ++i) total[i] += layer[i];
  for (const PathImage& lung : lungs_)
    for (std::size_t i = 0; i < total.size(); ++i) total[i] -= lung[i];
  for (int row = 0; row < camera_.size; ++row)
    for (int col = 0; col < camera_.size; ++col) {
      float& value = total[at(camera_, row, col)];
      value = std::max(0.0F, value) * ray_scale(row, col);
    }
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
    add(layers_[k], 1);
    add(image, -1);
  }
  for (std::size_t s = 0; s < 2; ++s) {
    if (other.lungs[s] == scene_.lungs[s]) continue;
    add(lungs_[s], -1);
    add(render_lung(other.lungs[s], camera_), 1);
  }
  for (int row = 0; row < camera_.size; ++row)
    for (int col = 0; col < camera_.size; ++col)
      change[at(camera_, row, col)] *= ray_scale(row, col);
  return change;
}

}  // namespace biplane
