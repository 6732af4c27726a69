# The programs with their units, manual pages and completions, from the source tree that this file lies in.
{
  lib,
  rustPlatform,
  installShellFiles,
}:

rustPlatform.buildRustPackage {
  pname = "rayfish";
  version = (lib.importTOML ../../Cargo.toml).workspace.package.version;

  src = lib.cleanSource ../..;
  cargoLock.lockFile = ../../Cargo.lock;

  nativeBuildInputs = [ installShellFiles ];

  # The privileged programs by themselves, so that no feature that another program asks for ends up in them.
  buildPhase = ''
    runHook preBuild
    cargo build --release --offline --locked -p ray-helper
    cargo build --release --offline --locked -p ray-names
    cargo build --release --offline --locked -p ray-engine -p ray-cli
    cargo run --release --offline --locked -p ray-cli --example manual -- manual
    runHook postBuild
  '';

  # They make network namespaces, which the build's sandbox does not allow.
  doCheck = false;

  installPhase = ''
    runHook preInstall
    install -D -m 0755 -t $out/libexec/rayfish target/release/ray-helper target/release/ray-names \
      target/release/ray-engine
    install -D -m 0755 -t $out/bin target/release/ray
    install -D -m 0644 -t $out/lib/systemd/system packaging/systemd/*
    install -D -m 0644 -t $out/lib/sysctl.d packaging/sysctl.d/*
    substituteInPlace $out/lib/systemd/system/*.service \
      --replace-fail /usr/libexec/rayfish $out/libexec/rayfish
    installManPage manual/man/*
    installShellCompletion --cmd ray \
      --bash manual/completions/ray.bash \
      --zsh manual/completions/_ray \
      --fish manual/completions/ray.fish
    runHook postInstall
  '';

  meta = {
    description = "Peer-to-peer mesh VPN without a server, an account or a privileged network process";
    license = with lib.licenses; [
      mit
      asl20
    ];
    platforms = lib.platforms.linux;
    mainProgram = "ray";
  };
}
