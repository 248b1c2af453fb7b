#pragma once

#include <cstdint>

#include "biplane/phantom/acquisition.h"

namespace biplane {

// A body, as it stays between a patient's studies. Lengths in cm where no scale is named.
struct Patient {
  bool female = false;
  double age = 60;                           // years
  double stature = 1;                        // scale of everything
  double width = 1, depth = 1, length = 1;   // scales of the chest
  double fat = 1.5;                          // soft tissue over the ribs
  double breast = 0;                         // radius; 0: none
  double heart = 1;                          // scale of the heart
  double heart_tilt = 0;                     // radians, more: a steep heart
  double dome_right = 0, dome_left = 0;      // heights of the domes against the standard
  double sulcus_right = 0, sulcus_left = 0;  // depth of the posterior sulci against the standard
  double kyphosis = 0;                       // bulge of the spine to the back against the standard
  double aorta = 1;                          // scale of the aorta; grows with age
  double bone = 1;                           // mineral of the bones; falls with age
  double lung_density = 0.25;                // against water
  bool sternotomy = false;                   // wires around the breastbone
  bool clips = false;                        // metal clips in the right armpit
  std::uint64_t vessels = 0;                 // random key of the vessel tree
};

// Pure function of (seed, number of the patient).
Patient draw_patient(std::uint64_t seed, std::uint64_t patient);

}  // namespace biplane
