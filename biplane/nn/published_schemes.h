#pragma once

#include <span>

namespace biplane {

// What has to be done to a tensor besides renaming it.
enum class Turn {
  kNone,
  kTranspose,  // (W,D) -> (D,W)
  kVector,     // (1,...,W) -> (W)
  kRows,       // (1,...,N,W) -> (N,W)
};

// Their name and ours. '#' stands for a number and '*' at the end for what follows; "../" at the
// start leaves the innermost part of the prefix.
struct NamingRule {
  const char* theirs;
  const char* ours;
  Turn turn = Turn::kNone;
};

// How one kind of encoder is published.
struct NamingScheme {
  const char* description;  // for people
  const char* kind;         // vit, swin or bert
  const char* style;        // of a vit: clip or timm
  // Names that a tower of this scheme must have; what stands before the first one is the prefix.
  std::span<const char* const> anchors;
  // Where two rules give one name the earlier wins.
  std::span<const NamingRule> rules;
};

// All that are known; published_names.h says which.
std::span<const NamingScheme> naming_schemes();

}  // namespace biplane
