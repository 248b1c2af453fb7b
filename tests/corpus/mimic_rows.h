#pragma once

#include <gmock/gmock.h>

#include <functional>
#include <string>

#include "biplane/core/error.h"

// Rows of MIMIC-CXR-JPG's tables, written by hand.
namespace biplane::testing {

inline constexpr const char* kMimicMetadata =
    "dicom_id,subject_id,study_id,PerformedProcedureStepDescription,ViewPosition,Rows,Columns,"
    "StudyDate,StudyTime,ProcedureCodeSequence_CodeMeaning,ViewCodeSequence_CodeMeaning,"
    "PatientOrientationCodeSequence_CodeMeaning\n";
inline std::string image_row(const std::string& image, const std::string& subject,
                             const std::string& study, const std::string& position,
                             const std::string& date = "21800506",
                             const std::string& time = "213014.531") {
  return image + "," + subject + "," + study + ",CHEST (PA AND LAT)," + position + ",24,24," +
         date + "," + time + ",,,\n";
}

inline std::string folder_of(int study, int patient = 1) {
  return "files/p10/p1000000" + std::to_string(patient) + "/s5000000" + std::to_string(study);
}

// Kind of the error that a call throws, whose message must hold `wanted`.
inline ErrorKind kind_of(const std::function<void()>& call, const std::string& wanted) {
  try {
    call();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), ::testing::HasSubstr(wanted));
    return error.kind();
  }
  ADD_FAILURE() << "accepted";
  return ErrorKind::kFailure;
}

}  // namespace biplane::testing
