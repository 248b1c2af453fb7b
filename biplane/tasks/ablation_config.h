#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace biplane {

// A switch of the method: KEY=VALUE settings over the base configuration for each of its levels.
struct AblationFactor {
  std::string name;
  std::vector<std::string> on, off;
  // Another factor that this one cannot do without: where that is off, this one's settings are
  // those of off whatever its level, and its effect is measured where that is on.
  std::string needs;

  template <class V>
  void visit(V& v) {
    v.field("name", name);
    v.field("on", on);
    v.field("off", off);
    v.field("needs", needs);
  }
};

// A configuration by name, of a design of kind list.
struct AblationRun {
  std::string name;
  std::string config;            // file, relative to the design's; empty: the base
  std::vector<std::string> set;  // KEY=VALUE over it

  template <class V>
  void visit(V& v) {
    v.field("name", name);
    v.field("config", config);
    v.field("set", set);
  }
};

// A set of runs that are compared with each other.
struct AblationDesign {
  std::string name;
  // factorial: every combination of the factors' levels; fraction: a part of them, chosen by
  // `generators`; one_off: all factors on ("full"), then each switched off; list: `runs`;
  // equal_minutes: the runs of design `of` again, with as many steps as fit into the minutes of its
  // first run.
  std::string kind = "list";
  std::vector<std::string> generators;  // "E=ABCD", letters in the order of `factors`
  std::vector<std::string> factors;     // names; empty: all of the file
  std::vector<AblationRun> runs;
  std::int64_t seeds = 1;  // runs of each configuration
  std::string of;
  // one_off: only factors whose interval in that factorial or fraction touches 0 for one of the
  // zero-shot metrics.
  std::string undecided_in;

  template <class V>
  void visit(V& v) {
    v.field("name", name);
    v.field("kind", kind);
    v.field("generators", generators);
    v.field("factors", factors);
    v.field("runs", runs);
    v.field("seeds", seeds);
    v.field("of", of);
    v.field("undecided_in", undecided_in);
  }
};

// What is run by `biplane ablate` (docs/evaluation.md, "Ablations").
struct AblationConfig {
  std::string base;               // configuration that everything stands on, relative to the file
  std::string manifest;           // data; empty: the phantom that the file describes
  std::vector<std::string> set;   // KEY=VALUE over every configuration
  std::int64_t steps = 0;         // of every run; 0: as the configurations say
  std::int64_t pool = 200;        // studies of a retrieval pool
  std::int64_t replicates = 200;  // bootstrap repeats over patients that every result line keeps
  std::vector<AblationFactor> factors;
  std::vector<AblationDesign> designs;

  template <class V>
  void visit(V& v) {
    v.field("base", base);
    v.field("manifest", manifest);
    v.field("set", set);
    v.field("steps", steps);
    v.field("pool", pool);
    v.field("replicates", replicates);
    v.field("factors", factors);
    v.field("designs", designs);
  }
};

// Throws Error kUsage naming design, factor and key of the first setting that cannot be.
void check_ablation(const AblationConfig& config);

}  // namespace biplane
