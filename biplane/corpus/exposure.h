#pragma once

#include <string>
#include <vector>

#include "biplane/corpus/relations.h"

namespace biplane {

// What pre-training on these corpora has seen of a corpus that is measured:
//   full   all its images: it is part of one of them, or `split` is what such a model trains on
//   part   some of them may be: the corpora have images in common
//   train  its own training split, of which `split` is none
// Empty where nothing is known to be in common.
std::string exposure_of(const CorpusRelations& relations, const std::string& corpus,
                        const std::string& split, const std::vector<std::string>& trained_on);

}  // namespace biplane
