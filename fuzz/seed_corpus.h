#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace biplane::fuzz {

// Small valid inputs of a target, made in code: mutations start from them, so that the fuzzer does
// not have to find a PNG signature by itself. Defined by each target.
std::vector<std::string> seeds();

// One input; must return normally for anything: an Error is caught inside, everything else is a
// finding.
void one_input(const std::uint8_t* data, std::size_t size);

}  // namespace biplane::fuzz
