# Build: nix build "git+file:.?dir=packaging/nix", from the root of the source. On NixOS: import nixosModules.default.
{
  description = "Rayfish, a peer-to-peer mesh VPN";

  # A release of nixpkgs with the Rust that Cargo.toml asks for; `nix flake lock` writes down which.
  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-unstable";

  outputs =
    { nixpkgs, ... }:
    let
      systems = [
        "x86_64-linux"
        "aarch64-linux"
      ];
    in
    {
      packages = nixpkgs.lib.genAttrs systems (system: {
        default = nixpkgs.legacyPackages.${system}.callPackage ./package.nix { };
      });
      nixosModules.default = ./module.nix;
    };
}
