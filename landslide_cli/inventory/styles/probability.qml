<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>
<qgis version="3.22.0" styleCategories="Symbology">
  <pipe>
    <rasterrenderer type="singlebandpseudocolor" band="1" opacity="1" alphaBand="-1" nodataColor="" classificationMin="0" classificationMax="1">
      <rasterTransparency/>
      <minMaxOrigin>
        <limits>None</limits>
        <extent>WholeRaster</extent>
        <statAccuracy>Estimated</statAccuracy>
      </minMaxOrigin>
      <rastershader>
        <colorrampshader colorRampType="INTERPOLATED" classificationMode="1" clip="0" minimumValue="0" maximumValue="1">
          <item value="0" color="#fff600" alpha="0" label="0"/>
          <item value="0.1" color="#fff600" alpha="0" label="0.1"/>
          <item value="0.3" color="#fff600" alpha="90" label="0.3"/>
          <item value="0.5" color="#ffbe00" alpha="150" label="0.5"/>
          <item value="0.7" color="#ff7a00" alpha="180" label="0.7"/>
          <item value="0.85" color="#ff243c" alpha="200" label="0.85"/>
          <item value="1" color="#ff00be" alpha="215" label="1"/>
        </colorrampshader>
      </rastershader>
    </rasterrenderer>
    <brightnesscontrast brightness="0" contrast="0" gamma="1"/>
    <huesaturation saturation="0" grayscaleMode="0" colorizeOn="0"/>
    <rasterresampler maxOversampling="2"/>
  </pipe>
  <blendMode>0</blendMode>
</qgis>
