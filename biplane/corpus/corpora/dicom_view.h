#pragma once

#include <string>
#include <vector>

#include "biplane/corpus/study.h"
#include "biplane/imaging/dicom.h"

namespace biplane {

// What DICOM headers of hospitals say about view and body part: in codes, in vendors' codes, and in
// words of English, German and French.

// Words of letters only, lower case, accents removed (of UTF-8 and of Latin-1); "p.a." and "p-a"
// are "pa", "postero-anterior" is "posteroanterior".
std::vector<std::string> plain_words(const std::string& text);

// From ViewPosition; else the view code; else PatientOrientation (which tells a lateral from a
// frontal); else the words of series description and protocol name. A frontal of which nothing says
// AP is PA. Oblique, decubitus and other views of a chest are kUnknown, and so is what the words
// contradict each other about.
ViewPosition view_of(const DicomInfo& info);

enum class BodyPart { kChest, kOther, kUnknown };
// From BodyPartExamined; else the anatomic region; else the words of series, protocol and study
// descriptions. kUnknown where none of them names a part of the body.
BodyPart body_part_of(const DicomInfo& info);

}  // namespace biplane
