#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "biplane/corpus/funnel.h"
#include "biplane/corpus/study.h"

namespace biplane {

// Which images of a study are kept together (`prepare --pairing`).
enum class Pairing {
  kAll,    // all of them
  kFirst,  // the first frontal and the first lateral
  kBoth,   // the same of studies that have both; the others are left out
  kEvery,  // each frontal with each lateral is a study of its own, named STUDY#1, STUDY#2, ...
};
const char* pairing_name(Pairing pairing);  // "all", "first", "both", "every"
// Throws Error kUsage.
Pairing parse_pairing(const std::string& name);

// Puts the views of every study in order (PA, AP, laterals, others; within a kind as they were) and
// keeps those that `pairing` says, so that "the first frontal" is the same for whoever reads the
// manifest. What is left out is counted.
void pair_views(std::vector<Study>& studies, Pairing pairing, Funnel& funnel);

}  // namespace biplane
