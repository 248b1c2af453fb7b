#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace biplane {

// Typed configuration. A configuration struct lists its fields once:
//
//   struct TrainConfig {
//     std::int64_t steps = 0;  // optimizer steps; wins over epochs
//     template <class V> void visit(V& v) { v.field("steps", steps); }
//   };
//
// and is then read from YAML plus `--set a.b=c` overrides (load_config) and written back
// (print_config). Nested structs are fields too; their keys are joined with dots. Unknown keys and
// wrong types are errors (kUsage) that name file, key, value and the nearest valid key.

// A parsed YAML tree reduced to what configurations use: dotted key -> scalar, list of scalars, or
// list of maps.
class ConfigTree {
 public:
  ConfigTree();
  ~ConfigTree();
  ConfigTree(ConfigTree&&) noexcept;
  ConfigTree& operator=(ConfigTree&&) noexcept;

  static ConfigTree parse(const std::string& yaml,
                          const std::string& source);  // source: named in errors
  // A file may stand on another: "extends: base.yaml" (relative to the file, else one that comes
  // with the program: labels/, configs/, configs/tasks/ or configs/baselines/ of its share folder,
  // there without .yaml too) takes over every key that the file does not give itself; groups are
  // joined, values and lists replaced. Errors name the file that a key stands in. Throws Error
  // kUsage where files extend each other in a circle.
  static ConfigTree read(const std::filesystem::path& file);
  // Applies "a.b=c" (c is YAML: 3, true, [1, 2], text). Throws Error kUsage when there is no '='.
  void set(const std::string& assignment);
  // Whether a key of the top level is given.
  bool has(const std::string& key) const;

  struct Impl;
  Impl& impl() const { return *impl_; }

 private:
  std::unique_ptr<Impl> impl_;
};

// Visitor that fills a struct from a tree.
class ConfigReader {
 public:
  explicit ConfigReader(const ConfigTree& tree);
  ~ConfigReader();

  void field(std::string_view name, std::int64_t& value);
  void field(std::string_view name, double& value);
  void field(std::string_view name, bool& value);
  void field(std::string_view name, std::string& value);
  void field(std::string_view name, std::vector<std::int64_t>& value);
  void field(std::string_view name, std::vector<double>& value);
  void field(std::string_view name, std::vector<std::string>& value);
  template <class T>
  void field(std::string_view name, std::vector<T>& values) {  // list of maps
    const std::size_t count = list_size(name);
    if (count == kAbsent) return;
    values.assign(count, T{});
    for (std::size_t i = 0; i < count; ++i) {
      enter(name, i);
      values[i].visit(*this);
      leave();
    }
  }
  template <class T>
  void field(std::string_view name, T& value) {  // nested struct
    enter(name);
    value.visit(*this);
    leave();
  }
  // Throws for the first key of the tree that no field asked for.
  void finish() const;

 private:
  static constexpr std::size_t kAbsent = static_cast<std::size_t>(-1);
  std::size_t list_size(std::string_view name);
  void enter(std::string_view name);
  void enter(std::string_view name, std::size_t index);
  void leave();

  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Visitor that writes a struct as YAML, in the order of its fields.
class ConfigWriter {
 public:
  ConfigWriter();
  ~ConfigWriter();
  void field(std::string_view name, std::int64_t& value);
  void field(std::string_view name, double& value);
  void field(std::string_view name, bool& value);
  void field(std::string_view name, std::string& value);
  void field(std::string_view name, std::vector<std::int64_t>& value);
  void field(std::string_view name, std::vector<double>& value);
  void field(std::string_view name, std::vector<std::string>& value);
  template <class T>
  void field(std::string_view name, std::vector<T>& values) {
    begin_list(name);
    for (T& value : values) {
      begin_map();
      value.visit(*this);
      end_map();
    }
    end_list();
  }
  template <class T>
  void field(std::string_view name, T& value) {
    begin_map(name);
    value.visit(*this);
    end_map();
  }
  std::string yaml() const;

 private:
  void begin_list(std::string_view name);
  void end_list();
  void begin_map();
  void begin_map(std::string_view name);
  void end_map();

  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Fills `config` from `tree`; keys that are absent keep their defaults.
template <class T>
void load_config(const ConfigTree& tree, T& config) {
  ConfigReader reader(tree);
  config.visit(reader);
  reader.finish();
}

// The whole configuration as YAML; load_config of it gives the same struct back.
template <class T>
std::string print_config(T config) {
  ConfigWriter writer;
  config.visit(writer);
  return writer.yaml();
}

}  // namespace biplane
