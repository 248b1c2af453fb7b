#pragma once

#include <string>

#include "biplane/phantom/phantom.h"

namespace biplane {

// The file of one view (index into made.study.views), as bytes, in the format of the options and,
// where that is DICOM, with the bits and polarity of the layout. Pure function of its arguments.
std::string encode_view(const PhantomOptions& options, const PhantomStudy& made, std::size_t view);

// SOP instance UID of a view of a study, in DICOM files and in the names of layouts that use it.
std::string instance_uid(const std::string& study_id, std::size_t view);

}  // namespace biplane
