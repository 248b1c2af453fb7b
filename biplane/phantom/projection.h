#pragma once

#include <cstdint>
#include <vector>

#include "biplane/phantom/solid.h"

namespace biplane {

// Point source and flat square detector. The ray of pixel (row, col) is source + t * direction with
// a component 1 along `forward`, so t is the distance from the source along the central axis; a
// path between t0 and t1 is (t1 - t0) * ray_length long.
struct Camera {
  Vec3 source;
  Vec3 forward, right, up;  // right-handed or not: `right` is the direction of growing columns
  double distance = 180;    // source to detector, cm
  double field = 40;        // side of the detector, cm
  double centre_up = 0;     // height of the detector's centre above the source, cm
  int size = 256;           // pixels a side
  double water = 0.20;      // attenuation of water at the beam's mean energy, 1/cm
  double bone = 1;          // contrast of bone and metal against that of water
  // Shares of the body's grey levels between which the display curve is set up.
  double dark_share = 0.05, bright_share = 0.70;

  double pitch() const { return field / distance / size; }  // of one pixel, in units of direction
  double across(double col) const { return (col + 0.5 - 0.5 * size) * pitch(); }
  double along(double row) const {
    return centre_up / distance - (row + 0.5 - 0.5 * size) * pitch();
  }
  Vec3 direction(double row, double col) const {
    return forward + across(col) * right + along(row) * up;
  }
  // Pixel coordinates (row, col) of a point's shadow, continuous, pixel centres at integers.
  void project(Vec3 point, double& row, double& col) const;
};

// A solid seen by a camera: its bounding rectangle on the detector and the intervals of its rays.
class ProjectedSolid {
 public:
  ProjectedSolid(const Solid& solid, const Camera& camera);

  bool empty() const { return row_begin_ >= row_end_ || col_begin_ >= col_end_; }
  int row_begin() const { return row_begin_; }
  int row_end() const { return row_end_; }
  int col_begin() const { return col_begin_; }
  int col_end() const { return col_end_; }
  // Factor on the solid's density when it was widened to the pixel (1 otherwise).
  float weight() const { return weight_; }

  // Intervals [enter, leave] in t for the columns begin .. end - 1 of one row, written from index 0
  // on. A ray that misses has leave <= enter; so has every ray outside the bounding rectangle.
  void chords(int row, int begin, int end, float* enter, float* leave) const;

 private:
  struct RowTerms;
  RowTerms row_terms(int row) const;

  Camera camera_;
  int row_begin_ = 0, row_end_ = 0, col_begin_ = 0, col_end_ = 0;
  float weight_ = 1;
  std::array<double, 6> form_{};
  double depth_ = 0;          // t of the plane through the centre
  double middle_across_ = 0;  // of the bounding rectangle: origin of the local column coordinate
  Vec3 to_centre_;            // source + depth * forward - centre
  std::array<Plane, Solid::kMaxPlanes> planes_{};
  int plane_count_ = 0;
};

}  // namespace biplane
