# Rayfish on NixOS. The units are those of the package, to the letter: not one hardening line is repeated here, so that
# none can differ. The services start with the host and idle until `ray create` or `ray join`.
{
  config,
  lib,
  pkgs,
  ...
}:

let
  cfg = config.services.rayfish;
  toml = pkgs.formats.toml { };
  settings = toml.generate "engine.toml" cfg.settings;
  policy = toml.generate "helper.toml" cfg.policy;
  names = toml.generate "names.toml" cfg.names;
in
{
  options.services.rayfish = {
    enable = lib.mkEnableOption "Rayfish, a peer-to-peer mesh VPN";

    package = lib.mkOption {
      type = lib.types.package;
      default = pkgs.callPackage ./package.nix { };
      defaultText = lib.literalExpression "pkgs.callPackage ./package.nix { }";
      description = "The package with the programs and their units.";
    };

    settings = lib.mkOption {
      inherit (toml) type;
      default = { };
      example = {
        bind_port = 41383;
      };
      description = "Settings of the engine; see {manpage}`rayfish-engine.toml(5)`.";
    };

    policy = lib.mkOption {
      # Flat, as the helper's own small parser wants it.
      type = lib.types.attrsOf (lib.types.either lib.types.str lib.types.ints.unsigned);
      default = { };
      example = {
        prefix_v4 = "none";
      };
      description = "What the privileged helper may do; see {manpage}`rayfish-helper.toml(5)`.";
    };

    names = lib.mkOption {
      type = lib.types.attrsOf lib.types.str;
      default = { };
      example = {
        backend = "off";
      };
      description = "What may be done with the host's DNS settings; see {manpage}`rayfish-names.toml(5)`.";
    };
  };

  config = lib.mkIf cfg.enable {
    services.rayfish.policy.engine_user = lib.mkDefault "rayfish";

    users.groups.rayfish = { };
    users.users.rayfish = {
      isSystemUser = true;
      group = "rayfish";
      description = "Rayfish engine";
      home = "/var/lib/rayfish";
    };

    environment.systemPackages = [ cfg.package ];
    environment.etc = {
      # Files and no links into the store: the helper refuses a policy from a directory that a group may write to, which
      # the store is, and the engine sees nothing of the store once it is confined.
      "rayfish/engine.toml" = {
        source = settings;
        mode = "0644";
      };
      "rayfish/helper.toml" = {
        source = policy;
        mode = "0644";
      };
      "rayfish/names.toml" = {
        source = names;
        mode = "0644";
      };
      "sysctl.d/60-rayfish.conf".source = "${cfg.package}/lib/sysctl.d/60-rayfish.conf";
    };

    systemd.packages = [ cfg.package ];
    systemd.targets.rayfish.wantedBy = [ "multi-user.target" ];
    # Restarted in one step and not stopped first, which would undo everything: an upgrade keeps the tunnel.
    systemd.services.rayfish-helper = {
      stopIfChanged = false;
      restartTriggers = [ policy ];
    };
    systemd.services.rayfish-names = {
      stopIfChanged = false;
      restartTriggers = [ names ];
    };
    systemd.services.rayfish-engine = {
      stopIfChanged = false;
      restartTriggers = [ settings ];
    };
  };
}
