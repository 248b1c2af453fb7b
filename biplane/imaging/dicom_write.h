#pragma once

#include <string>
#include <string_view>

#include "biplane/imaging/image.h"

namespace biplane {

// A radiograph as a "Digital X-Ray Image Storage - For Presentation" object (PS3.3 A.26) without
// anything that identifies a person.
struct DigitalXray {
  FloatImage shown;                 // (rows, cols), what a display is to show, [0, 1]
  int bits_stored = 12;             // 12 .. 16
  bool monochrome1 = false;         // stored values fall with what is shown
  std::string view;                 // ViewPosition: PA, AP or LL
  std::string patient_orientation;  // where rows and columns lead to, for example "L\\F"
  double imager_spacing = 0;        // mm between pixels at the detector
  double magnification = 1;         // of the body at the detector
  double source_distance = 1800;    // mm from the source to the detector
  std::string study_uid, series_uid, instance_uid;
  int instance_number = 1;
  std::string patient_id, accession;
  std::string sex;  // M, F or empty
  int age = -1;     // years; -1: unknown
};

// A UID under 2.25 (PS3.5 B.2) that is a function of the text: the first 128 bits of its SHA-256.
std::string text_uid(std::string_view text);

// The file as bytes, explicit VR little endian, not compressed: a function of the arguments only.
// Stored values are the shown ones in 65536 / 2^(16 - bits_stored) steps less a margin at both
// ends, which the window cuts off. Throws Error kUsage for an image without pixels or bits outside
// 12 .. 16.
std::string encode_dicom(const DigitalXray& xray);

}  // namespace biplane
