#pragma once

#include <cstdint>
#include <string>

#include "biplane/phantom/study_maker.h"

namespace biplane {

// Numbers that no other patient or study of the same phantom has, in any split; they do not depend
// on how many there are.
std::int64_t patient_number(const StudyPlace& place);  // 1, 2, ...
std::int64_t study_number(const StudyPlace& place);    // 1, 2, ...

// `number` scattered over 0 .. 9,999,999, without collisions below ten million.
std::int64_t scattered(std::int64_t number, std::int64_t seed);

// With zeros in front.
std::string padded(std::int64_t number, std::size_t digits);

// Names made of the SHA-256 of a text: "xxxxxxxx-xxxxxxxx-xxxxxxxx-xxxxxxxx-xxxxxxxx" as MIMIC
// names images, and a UUID (version 4) as RSNA does.
std::string hex_groups(const std::string& text);
std::string text_uuid(const std::string& text);

// A part of Report::other ("EXAMINATION: ... INDICATION: ... COMPARISON: ..."); empty if it has
// none.
std::string report_part(const Report& report, const std::string& header);

}  // namespace biplane
