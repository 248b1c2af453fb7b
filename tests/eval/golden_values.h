#pragma once

// Reads golden/metrics, where null is "undefined".
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "tests/test_data.h"

namespace biplane::testing {

inline constexpr double kTolerance = 1e-9;

inline nlohmann::json read_json(const std::string& name) {
  std::ifstream file(test_data("golden/metrics/" + name));
  return nlohmann::json::parse(file);
}

inline void expect_value(const std::optional<double>& value, const nlohmann::json& expected,
                         const std::string& what) {
  if (expected.is_null()) {
    EXPECT_FALSE(value.has_value()) << what;
    return;
  }
  ASSERT_TRUE(value.has_value()) << what;
  EXPECT_NEAR(*value, expected.get<double>(), kTolerance) << what;
}

}  // namespace biplane::testing
