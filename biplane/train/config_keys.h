#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace biplane {

// Visitor that turns a configuration into dotted keys and their values as text, to compare two of
// them. Free of LibTorch.
class ConfigKeys {
 public:
  void field(std::string_view name, std::int64_t& value);
  void field(std::string_view name, double& value);
  void field(std::string_view name, bool& value);
  void field(std::string_view name, std::string& value);
  template <class T>
  void field(std::string_view name, std::vector<T>& values) {
    put(name, std::to_string(values.size()) + " values");
    for (std::size_t i = 0; i < values.size(); ++i)
      field(std::string(name) + "[" + std::to_string(i) + "]", values[i]);
  }
  template <class T>
  void field(std::string_view name, T& value) {  // nested struct
    const std::string outer = prefix_;
    prefix_ += std::string(name) + ".";
    value.visit(*this);
    prefix_ = outer;
  }
  const std::map<std::string, std::string>& keys() const { return keys_; }

 private:
  void put(std::string_view name, std::string value);

  std::string prefix_;
  std::map<std::string, std::string> keys_;
};

template <class T>
std::map<std::string, std::string> config_keys(T config) {
  ConfigKeys visitor;
  config.visit(visitor);
  return visitor.keys();
}

// Throws Error kUsage where a run that was started with configuration `before` cannot go on with
// `now`, naming folder, key and both values; keys that do not change the result may differ
// (numbered list at train()).
void check_same_config(const std::map<std::string, std::string>& before,
                       const std::map<std::string, std::string>& now,
                       const std::filesystem::path& run);

// SHA-256 over the keys that check_same_config compares: equal for runs that do the same.
std::string config_hash(const std::map<std::string, std::string>& keys);

}  // namespace biplane
