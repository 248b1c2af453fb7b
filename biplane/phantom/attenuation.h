#pragma once

#include <array>
#include <vector>

#include "biplane/phantom/field.h"
#include "biplane/phantom/projection.h"
#include "biplane/phantom/scene.h"

namespace biplane {

// Images hold line integrals in cm of water.

// Adds density x path length of every deposit (paths in units of t, see Camera).
void add_deposits(const std::vector<Deposit>& deposits, const Camera& camera, PathImage& image);

// Path through the hull of the solids along each ray.
PathImage render_hull(const std::vector<Solid>& solids, const Camera& camera);

// What a lung takes away from soft tissue (>= 0).
PathImage render_lung(const Lung& lung, const Camera& camera);

// One view of a body, kept in parts so that a change of the scene renders only what it touches.
class ProjectedScene {
 public:
  ProjectedScene(Scene scene, const Camera& camera);

  // Primary -log intensity per pixel: attenuation x path length.
  PathImage attenuation() const;
  // Soft tissue alone: where it is 0 the ray misses the body.
  const PathImage& body() const { return body_; }
  // attenuation() of this scene minus that of `other`, same camera; equal parts are not rendered
  // again.
  PathImage difference(const Scene& other) const;

 private:
  void scale_rays(PathImage& paths) const;  // from t to attenuation
  void add_lung(const PathImage& lung, float sign, PathImage& total) const;
  float layer_contrast(std::size_t layer) const;  // of bone and metal: the camera's, else 1

  Camera camera_;
  Scene scene_;
  PathImage body_;
  std::array<PathImage, kLayers> layers_;
  std::array<PathImage, 2> lungs_;
  PathImage texture_;  // empty: none
};

}  // namespace biplane
